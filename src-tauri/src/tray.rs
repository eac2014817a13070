//! The tray icon: the status as an icon and a text, and a menu with the most important actions.

use std::sync::{Mutex, MutexGuard, PoisonError};

use coffer_ipc::job::{HealthLevel, JobCard};
use coffer_jobs::Coffer;
use tauri::image::Image;
use tauri::menu::{Menu, MenuBuilder, MenuEvent, MenuItem, MenuItemBuilder, SubmenuBuilder};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Wry};

use crate::{quit, windows};

/// Prefix of the ids of menu items that start a job.
const BACK_UP: &str = "back-up:";

/// State of all jobs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TrayState {
    Idle,
    Running,
    Warning,
    Error,
}

/// The icon and what it shows, so that it is updated only when that changes.
struct Tray {
    icon: TrayIcon,
    /// Locked only by the main thread, because changing the icon waits for that thread.
    shown: Mutex<Option<Shown>>,
    /// Held from reading the jobs until the update is sent to the main thread, so that updates arrive in order.
    turn: Mutex<()>,
}

/// What the icon and its menu show.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    state: TrayState,
    /// One line about the status.
    line: String,
    /// Jobs by id and name.
    jobs: Vec<(String, String)>,
}

/// Creates the icon, on the main thread. It shows nothing about the jobs before the first [`update`].
pub(crate) fn create(app: &AppHandle) -> tauri::Result<()> {
    let icon = TrayIconBuilder::with_id("coffer")
        .icon(TrayState::Idle.image()?)
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

/// Schedules an update of icon, tooltip and menu. Not for the main thread, which must not wait for the database.
pub(crate) fn update(app: &AppHandle, coffer: &Coffer) {
    let Some(tray) = app.try_state::<Tray>() else {
        return;
    };
    let _turn = lock(&tray.turn);
    let Ok(cards) = coffer.job_cards() else {
        return;
    };
    let now = Shown {
        state: tray_state(&cards),
        line: status_line(&cards),
        jobs: cards
            .into_iter()
            .map(|card| (card.id, card.definition.name))
            .collect(),
    };
    let handle = app.clone();
    // If the main thread is gone, so is the icon.
    let _ = app.run_on_main_thread(move || show(&handle, now));
}

fn show(app: &AppHandle, now: Shown) {
    let tray = app.state::<Tray>();
    let mut shown = lock(&tray.shown);
    if shown.as_ref() == Some(&now) {
        return;
    }
    let changed = now
        .state
        .image()
        .and_then(|image| tray.icon.set_icon(Some(image)))
        .and_then(|()| tray.icon.set_tooltip(Some(format!("Coffer: {}", now.line))))
        .and_then(|()| menu(app, &now.jobs, &now.line))
        .and_then(|menu| tray.icon.set_menu(Some(menu)));
    match changed {
        Ok(()) => *shown = Some(now),
        Err(error) => tracing::warn!(%error, "the tray icon could not be changed"),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn menu(app: &AppHandle, jobs: &[(String, String)], line: &str) -> tauri::Result<Menu<Wry>> {
    let state: MenuItem<Wry> = MenuItemBuilder::new(line).enabled(false).build(app)?;
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

impl TrayState {
    fn image(self) -> tauri::Result<Image<'static>> {
        Image::from_bytes(match self {
            Self::Idle => include_bytes!("../../icons/generated/tray-idle.png"),
            Self::Running => include_bytes!("../../icons/generated/tray-running.png"),
            Self::Warning => include_bytes!("../../icons/generated/tray-warning.png"),
            Self::Error => include_bytes!("../../icons/generated/tray-error.png"),
        })
    }
}

fn tray_state(cards: &[JobCard]) -> TrayState {
    match worst(cards) {
        Some(HealthLevel::Bad) => TrayState::Error,
        Some(HealthLevel::Warning) => TrayState::Warning,
        Some(HealthLevel::Running) => TrayState::Running,
        Some(HealthLevel::Waiting | HealthLevel::New | HealthLevel::Good) | None => TrayState::Idle,
    }
}

fn worst(cards: &[JobCard]) -> Option<HealthLevel> {
    cards.iter().map(|card| card.health.level).max()
}

/// One line about the worst state of the jobs.
fn status_line(cards: &[JobCard]) -> String {
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
