//! The app as a user uses it: a real window, a real browser for the sign-in, a real keychain (Secret Service), a real
//! tray host's side of the bus, against the simulated OneDrive.
//!
//! [`desktop`] is the desktop that a test gets for itself: display, session bus, keychain, home folder and simulator.
//! [`app`] is the running app, [`browser`] the web browser that `xdg-open` would open, [`tray`] the tray's host.
//! Linux only: elsewhere no WebDriver reaches the app's window without a browser of the system's own.

#[cfg(target_os = "linux")]
mod app;
#[cfg(target_os = "linux")]
mod background;
#[cfg(target_os = "linux")]
mod bad_days;
#[cfg(target_os = "linux")]
mod browser;
#[cfg(target_os = "linux")]
mod desktop;
#[cfg(target_os = "linux")]
mod driver;
#[cfg(target_os = "linux")]
mod first_backup;
#[cfg(target_os = "linux")]
mod form;
#[cfg(target_os = "linux")]
mod main_job;
#[cfg(target_os = "linux")]
mod screen;
#[cfg(target_os = "linux")]
mod sign_in_stories;
#[cfg(target_os = "linux")]
mod tray;
#[cfg(target_os = "linux")]
mod tray_stories;
