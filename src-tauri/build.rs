//! Embeds icons and capabilities.

fn main() {
    // A fresh clone has no built user interface yet; checking the Rust side must not need one.
    let ui = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/dist");
    if !ui.exists()
        && let Err(error) = std::fs::create_dir_all(&ui)
    {
        println!("cargo:warning=ui/dist cannot be created: {error}");
    }
    tauri_build::build();
}
