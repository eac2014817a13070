//! Tauri's side of the border, generated from the table in `coffer_ipc::command`: each command calls the method of the
//! same name, of the backend or of the [`Shell`].

mod glue;
mod passphrases;
mod pickers;
mod state;

use coffer_ipc::shapes::*;
use coffer_jobs::Coffer;
use tauri::ipc::{CommandArg, CommandItem, Invoke, InvokeError};
use tauri::{AppHandle, State, Wry};

use glue::{Give as _, Held, Reply, outcome};

/// Implements the commands that need the app, or no backend.
pub(crate) struct Shell(AppHandle);

impl<'a> CommandArg<'a, Wry> for Shell {
    fn from_command(command: CommandItem<'a, Wry>) -> Result<Self, InvokeError> {
        AppHandle::from_command(command).map(Self)
    }
}

macro_rules! answer {
    ($by:ty; $(
        $name:ident($($argument:ident: $type:ty),* $(; $question:ident)?) -> $reply:ty;
    )*) => {$(
        #[tauri::command]
        async fn $name(
            by: $by,
            $($argument: $type,)*
            $($question: Option<String>)?
        ) -> Reply<$reply> {
            $(let mut $argument = Held::new($argument);)*
            let work = outcome::<$reply, _, _>(by.$name($($argument.give()),*));
            $(let work = by.answer($question.as_deref(), work);)?
            work.await
        }
    )*};
}

macro_rules! commands {
    (
        by_coffer {$(
            $(#[$_by_coffer:meta])*
            $by_coffer:ident $coffer_takes:tt -> $coffer_gives:ty;
        )*}
        by_app {$(
            $(#[$_by_app:meta])*
            $by_app:ident $app_takes:tt -> $app_gives:ty;
        )*}
    ) => {
        answer!(State<'_, Coffer>; $($by_coffer $coffer_takes -> $coffer_gives;)*);
        answer!(Shell; $($by_app $app_takes -> $app_gives;)*);

        /// All commands that the UI may call.
        pub(crate) fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
            tauri::generate_handler![$($by_coffer,)* $($by_app),*]
        }
    };
}

coffer_ipc::for_each_command!(commands);
