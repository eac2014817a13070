use std::time::{Duration, Instant};

use x11rb::CURRENT_TIME;
use x11rb::connection::Connection as _;
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, InputFocus, KEY_PRESS_EVENT,
    KEY_RELEASE_EVENT, MapState, Window,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// How long a window may take to come or go.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Key code of Enter on a usual keyboard.
const ENTER: u8 = 36;

/// The display, as a window manager sees it.
pub(crate) struct Screen {
    display: RustConnection,
    root: Window,
}

impl Screen {
    pub(crate) fn open(display: &str) -> Self {
        let (display, number) = RustConnection::connect(Some(display)).expect("the display");
        let root = display.setup().roots[number].root;
        Self { display, root }
    }

    /// What the button in a window's frame does: asks the program to close the window.
    pub(crate) fn close_window(&self, title: &str) {
        let window = self.window(title).expect("the window is there");
        let atom = |name: &str| {
            let asked = self.display.intern_atom(false, name.as_bytes());
            asked.expect("a request").reply().expect("an atom").atom
        };
        let data = [atom("WM_DELETE_WINDOW"), 0, 0, 0, 0];
        let message = ClientMessageEvent::new(32, window, atom("WM_PROTOCOLS"), data);
        self.display
            .send_event(false, window, EventMask::NO_EVENT, message)
            .expect("a request");
        self.display.flush().expect("the display listens");
    }

    /// Presses Enter in a window, which is its default button.
    pub(crate) async fn press_enter(&self, title: &str) {
        self.wait_for_window(title, true).await;
        let window = self.window(title).expect("the window is there");
        self.display
            .set_input_focus(InputFocus::PARENT, window, CURRENT_TIME)
            .expect("a request");
        for kind in [KEY_PRESS_EVENT, KEY_RELEASE_EVENT] {
            self.display
                .xtest_fake_input(kind, ENTER, CURRENT_TIME, self.root, 0, 0, 0)
                .expect("a request");
        }
        self.display.flush().expect("the display listens");
        self.wait_for_window(title, false).await;
    }

    /// Waits until the window is on the screen, or is not.
    pub(crate) async fn wait_for_window(&self, title: &str, visible: bool) {
        let started = Instant::now();
        while self.is_visible(title) != visible {
            let what = if visible { "is not shown" } else { "stays" };
            assert!(started.elapsed() < PATIENCE, "the window {title:?} {what}");
            tokio::time::sleep(LOOK).await;
        }
    }

    fn is_visible(&self, title: &str) -> bool {
        let Some(window) = self.window(title) else {
            return false;
        };
        let asked = self.display.get_window_attributes(window);
        asked
            .expect("a request")
            .reply()
            .is_ok_and(|attributes| attributes.map_state == MapState::VIEWABLE)
    }

    fn window(&self, title: &str) -> Option<Window> {
        let tree = self.display.query_tree(self.root).expect("a request");
        let children = tree.reply().expect("windows").children;
        children.into_iter().find(|window| {
            let (name, text) = (AtomEnum::WM_NAME, AtomEnum::ANY);
            let asked = self
                .display
                .get_property(false, *window, name, text, 0, 256);
            let named = asked.expect("a request").reply();
            named.is_ok_and(|property| property.value == title.as_bytes())
                && self.size(*window).is_some_and(|(width, _)| width > 100)
        })
    }

    fn size(&self, window: Window) -> Option<(u16, u16)> {
        let geometry = self.display.get_geometry(window).ok()?.reply().ok()?;
        Some((geometry.width, geometry.height))
    }
}
