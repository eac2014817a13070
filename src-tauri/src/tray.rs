//! The tray icon: how things stand by shape and words, and the way to the most needed things.

use std::sync::{Mutex, MutexGuard, PoisonError};

use coffer_ipc::job::{HealthLevel, JobCard};
use coffer_jobs::Coffer;
use tauri::image::Image;
use tauri::menu::{Menu, MenuBuilder, MenuEvent, MenuItem, MenuItemBuilder, SubmenuBuilder};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Wry};

use crate::{quit, windows};

/// Starts the ids of menu items that start a job.
const BACK_UP: &str = "back-up:";

/// How all jobs together stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Idle,
    Running,
    Warning,
    Error,
}

/// The icon, and what it shows, so that it is touched only when that changes.
struct Tray {
    icon: TrayIcon,
    /// Only the main thread takes it: whoever else changed the icon would wait for that thread.
    shown: Mutex<Option<Shown>>,
    /// Held from a look at the jobs until the main thread is told, so that it hears of the newest last.
    turn: Mutex<()>,
}

/// What the icon and its menu show.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    mood: Mood,
    /// One line on how things stand.
    words: String,
    /// Jobs by id and name.
    jobs: Vec<(String, String)>,
}

/// Makes the icon, on the main thread. It says nothing of the jobs before the first [`update`].
pub(crate) fn create(app: &AppHandle) -> tauri::Result<()> {
    let icon = TrayIconBuilder::with_id("coffer")
        .icon(Mood::Idle.image()?)
        .tooltip("Coffer")
        .menu(&menu(app, &[], "No backups yet")?)
        .show_menu_on_left_click(false)
        .on_menu_event(chosen)
        .on_tray_icon_event(|tray, event| {
            let left_up = matches!(
                event,
                TrayIconEvent::Click {
                    button: MouseButton::Left,
                    button_state: MouseButtonState::Up,
                    ..
                }
            );
            if left_up {
                windows::show(tray.app_handle());
            }
        })
        .build(app)?;
    app.manage(Tray {
        icon,
        shown: Mutex::new(None),
        turn: Mutex::new(()),
    });
    Ok(())
}

/// Brings icon, words and menu in line with the jobs, soon. Not for the main thread, which must not wait for the database.
pub(crate) fn update(app: &AppHandle, coffer: &Coffer) {
    let Some(tray) = app.try_state::<Tray>() else {
        return;
    };
    let _turn = lock(&tray.turn);
    let Ok(cards) = coffer.job_cards() else {
        return;
    };
    let now = Shown {
        mood: mood(&cards),
        words: words(&cards),
        jobs: cards
            .into_iter()
            .map(|card| (card.id, card.definition.name))
            .collect(),
    };
    let handle = app.clone();
    // When the main thread is gone, so is the icon.
    let _ = app.run_on_main_thread(move || show(&handle, now));
}

fn show(app: &AppHandle, now: Shown) {
    let tray = app.state::<Tray>();
    let mut shown = lock(&tray.shown);
    if shown.as_ref() == Some(&now) {
        return;
    }
    let changed = now
        .mood
        .image()
        .and_then(|image| tray.icon.set_icon(Some(image)))
        .and_then(|()| {
            tray.icon
                .set_tooltip(Some(format!("Coffer: {}", now.words)))
        })
        .and_then(|()| menu(app, &now.jobs, &now.words))
        .and_then(|menu| tray.icon.set_menu(Some(menu)));
    match changed {
        Ok(()) => *shown = Some(now),
        Err(error) => tracing::warn!(%error, "the tray icon could not be changed"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn menu(app: &AppHandle, jobs: &[(String, String)], words: &str) -> tauri::Result<Menu<Wry>> {
    let state: MenuItem<Wry> = MenuItemBuilder::new(words).enabled(false).build(app)?;
    let mut back_up = SubmenuBuilder::new(app, "Back up now").enabled(!jobs.is_empty());
    for (id, name) in jobs {
        back_up = back_up.text(format!("{BACK_UP}{id}"), name);
    }
    MenuBuilder::new(app)
        .item(&state)
        .separator()
        .text("open", "Open Coffer")
        .item(&back_up.build()?)
        .separator()
        .text("quit", "Quit")
        .build()
}

fn chosen(app: &AppHandle, event: MenuEvent) {
    match event.id().as_ref() {
        "open" => windows::show(app),
        "quit" => quit(app),
        id => {
            let Some(job) = id.strip_prefix(BACK_UP).map(str::to_owned) else {
                return;
            };
            let (app, coffer) = (app.clone(), app.state::<Coffer>().inner().clone());
            tauri::async_runtime::spawn(async move {
                if let Err(error) = coffer.start_backup(&job) {
                    tracing::warn!(
                        message = error.message,
                        "a backup was not started from the tray"
                    );
                    windows::show(&app);
                    coffer.show(&job);
                }
            });
        }
    }
}

impl Mood {
    fn image(self) -> tauri::Result<Image<'static>> {
        Image::from_bytes(match self {
            Self::Idle => include_bytes!("../../icons/generated/tray-idle.png"),
            Self::Running => include_bytes!("../../icons/generated/tray-running.png"),
            Self::Warning => include_bytes!("../../icons/generated/tray-warning.png"),
            Self::Error => include_bytes!("../../icons/generated/tray-error.png"),
        })
    }
}

fn mood(cards: &[JobCard]) -> Mood {
    match worst(cards) {
        Some(HealthLevel::Bad) => Mood::Error,
        Some(HealthLevel::Warning) => Mood::Warning,
        Some(HealthLevel::Running) => Mood::Running,
        Some(HealthLevel::Waiting | HealthLevel::New | HealthLevel::Good) | None => Mood::Idle,
    }
}

fn worst(cards: &[JobCard]) -> Option<HealthLevel> {
    cards.iter().map(|card| card.health.level).max()
}

/// One line on how things stand: the worst news.
fn words(cards: &[JobCard]) -> String {
    let Some(worst) = worst(cards) else {
        return "No backups yet".to_owned();
    };
    let mut at_worst = cards.iter().filter(|card| card.health.level == worst);
    let name = at_worst
        .next()
        .map_or("", |card| card.definition.name.as_str());
    match worst {
        HealthLevel::Bad => format!("{name} needs your attention"),
        HealthLevel::Warning => format!("{name} has warnings"),
        HealthLevel::Running => format!("{name} is running"),
        HealthLevel::Waiting => format!("{name} is waiting"),
        HealthLevel::New => format!("{name} has not run yet"),
        HealthLevel::Good => "Everything is backed up".to_owned(),
    }
}
