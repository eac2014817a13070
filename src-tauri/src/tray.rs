//! The tray icon: the status as an icon and a text, and a menu with the most important actions.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use coffer_ipc::command::AppState;
use coffer_ipc::event::{Change, Event};
use coffer_ipc::job::{HealthLevel, Overview};
use coffer_jobs::Coffer;
use tauri::image::Image;
use tauri::menu::{Menu, MenuBuilder, MenuEvent, MenuItem, MenuItemBuilder, SubmenuBuilder};
use tauri::tray::{MouseButton, MouseButtonState, TrayIcon, TrayIconBuilder, TrayIconEvent};
use tauri::{AppHandle, Manager as _, Wry};

use crate::lifetime::quit;
use crate::windows;

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
    /// Held until an update is sent to the main thread, so that updates arrive in order.
    known: Mutex<Option<Known>>,
}

/// What the backend reported, as far as the icon shows it.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    /// Events up to this one are in here.
    seq: u64,
    overview: Overview,
    /// Names of the jobs, by id.
    jobs: BTreeMap<String, String>,
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
        known: Mutex::new(None),
    });
    Ok(())
}

/// Schedules an update of icon, tooltip and menu. Not for the main thread, which must not wait for the database.
pub(crate) fn update(app: &AppHandle, coffer: &Coffer) {
    if let Some(tray) = app.try_state::<Tray>() {
        read(app, coffer, &mut lock(&tray.known));
    }
}

/// The same after an event, which carries everything that is needed.
pub(crate) fn follow(app: &AppHandle, coffer: &Coffer, event: &Event) {
    let Some(tray) = app.try_state::<Tray>() else {
        return;
    };
    let mut known = lock(&tray.known);
    if let Some(known) = known.as_mut() {
        if known.follow(event) {
            send(app, known);
        }
    } else if concerns(&event.change) {
        // The state could not be read before.
        read(app, coffer, &mut known);
    }
}

fn read(app: &AppHandle, coffer: &Coffer, known: &mut Option<Known>) {
    if let Ok(state) = coffer.app_state() {
        send(app, known.insert(Known::of(&state)));
    }
}

fn send(app: &AppHandle, known: &Known) {
    let now = known.shown();
    let handle = app.clone();
    // If the main thread is gone, so is the icon.
    let _ = app.run_on_main_thread(move || show(&handle, now));
}

/// Whether the icon may show something else after a change.
fn concerns(change: &Change) -> bool {
    matches!(
        change,
        Change::All { .. }
            | Change::Job { .. }
            | Change::JobRemoved { .. }
            | Change::Overview { .. }
    )
}

impl Known {
    fn of(state: &AppState) -> Self {
        let jobs = state.jobs.iter();
        Self {
            seq: state.seq,
            overview: state.overview.clone(),
            jobs: jobs
                .map(|card| (card.id.clone(), card.definition.name.clone()))
                .collect(),
        }
    }

    /// Takes in an event; says whether something may be shown differently.
    fn follow(&mut self, event: &Event) -> bool {
        if event.seq <= self.seq {
            return false;
        }
        self.seq = event.seq;
        match &event.change {
            Change::All { state } => *self = Self::of(state),
            Change::Job { card } => {
                let (id, name) = (card.id.clone(), card.definition.name.clone());
                return self.jobs.insert(id, name).as_ref() != Some(&card.definition.name);
            }
            Change::JobRemoved { job_id } => drop(self.jobs.remove(job_id)),
            Change::Overview { overview } => self.overview = overview.clone(),
            _ => {}
        }
        concerns(&event.change)
    }

    fn shown(&self) -> Shown {
        let mut jobs: Vec<_> = self.jobs.clone().into_iter().collect();
        jobs.sort_by_key(|(_, name)| name.to_lowercase());
        Shown {
            state: tray_state(self.overview.level),
            line: self.overview.line.clone(),
            jobs,
        }
    }
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

fn tray_state(worst: Option<HealthLevel>) -> TrayState {
    match worst {
        Some(HealthLevel::Bad) => TrayState::Error,
        Some(HealthLevel::Warning) => TrayState::Warning,
        Some(HealthLevel::Running) => TrayState::Running,
        Some(HealthLevel::Waiting | HealthLevel::New | HealthLevel::Good) | None => TrayState::Idle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview(level: HealthLevel, line: &str) -> Overview {
        let line = line.to_owned();
        Overview {
            level: Some(level),
            jobs: 1,
            line,
        }
    }

    fn known() -> Known {
        let job = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        Known {
            seq: 5,
            overview: overview(HealthLevel::Good, "Everything is backed up"),
            jobs: BTreeMap::from([job("a", "Stick"), job("b", "laptop")]),
        }
    }

    #[test]
    fn the_icon_shows_what_the_backend_says_of_all_jobs() {
        let mut known = known();
        let overview = overview(HealthLevel::Bad, "Stick needs your attention");
        let change = Change::Overview { overview };

        assert!(known.follow(&Event { seq: 6, change }));

        let shown = known.shown();
        assert_eq!(shown.state, TrayState::Error);
        assert_eq!(shown.line, "Stick needs your attention");
        let names: Vec<_> = shown.jobs.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["laptop", "Stick"]);
    }

    #[test]
    fn what_is_known_already_or_is_no_business_of_the_icon_changes_nothing() {
        let mut known = known();
        let job_id = "a".to_owned();
        let gone = Change::JobRemoved { job_id };
        let shown = Change::Show {
            job_id: "a".to_owned(),
        };

        for (seq, change) in [(5, gone), (6, shown)] {
            assert!(!known.follow(&Event { seq, change }));
        }

        assert_eq!(known.jobs.len(), 2);
    }
}
