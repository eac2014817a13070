use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Microsoft, tools};

/// One machine with nothing on it but `coffer`: its own home, temp, data and cache folders, and an environment in which
/// nothing is set that it was not given. There is no session bus, hence no keychain.
pub struct Computer {
    folder: TempDir,
    variables: BTreeMap<String, OsString>,
    program: PathBuf,
    #[cfg(unix)]
    user: Option<u32>,
}

/// How a run of `coffer` ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A running `coffer`. It is killed when dropped.
pub struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    seen: String,
}

impl Computer {
    /// A new one.
    ///
    /// # Panics
    /// When its folders cannot be made, or there is no `coffer`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp folder");
        let mut computer = Self {
            folder,
            variables: BTreeMap::new(),
            program: tools::coffer(),
            #[cfg(unix)]
            user: None,
        };
        for (variable, name) in [
            ("HOME", "home"),
            ("TMPDIR", "tmp"),
            ("COFFER_DATA_DIR", "data"),
            ("COFFER_CACHE_DIR", "cache"),
        ] {
            let path = computer.path(name);
            fs::create_dir(&path).expect("a folder");
            computer.set(variable, path);
        }
        // Windows finds its own libraries by these, and temp folders by the others.
        for variable in ["PATH", "SystemRoot"] {
            if let Some(value) = std::env::var_os(variable) {
                computer.set(variable, value);
            }
        }
        for variable in ["TMP", "TEMP"] {
            computer.set(variable, computer.path("tmp"));
        }
        computer
    }

    /// A path in its folder, which holds `home`, `tmp`, `data` and `cache`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Folders in which `coffer` may leave something behind.
    pub fn own_folders(&self) -> [PathBuf; 4] {
        ["home", "tmp", "data", "cache"].map(|name| self.path(name))
    }

    /// Sets an environment variable.
    pub fn set(&mut self, variable: &str, value: impl AsRef<OsStr>) -> &mut Self {
        let value = value.as_ref().to_owned();
        self.variables.insert(variable.to_owned(), value);
        self
    }

    /// Removes an environment variable.
    pub fn unset(&mut self, variable: &str) -> &mut Self {
        self.variables.remove(variable);
        self
    }

    /// Leads what is meant for Microsoft to the simulator, with the sign-in of `account`.
    pub fn connect(&mut self, microsoft: &Microsoft, account: &str) -> &mut Self {
        self.set("COFFER_DEMO", "1")
            .set("COFFER_GRAPH_ENDPOINT", microsoft.api_url())
            .set("COFFER_OAUTH_URL", microsoft.oauth_url())
            .set("COFFER_AUTHID", microsoft.seed_auth_id(account))
    }

    /// Forgets what `coffer` remembers of destinations.
    ///
    /// # Panics
    /// When that cannot be deleted.
    pub fn clear_cache(&self) {
        let cache = self.path("cache");
        fs::remove_dir_all(&cache).expect("the cache goes");
        fs::create_dir(cache).expect("a folder");
    }

    /// From now on, everything runs as an unprivileged user: `nobody` when the test runs as root, and the current user
    /// otherwise.
    ///
    /// # Panics
    /// When the folders cannot be handed over.
    #[cfg(unix)]
    pub fn become_ordinary_user(&mut self) {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown};
        const NOBODY: u32 = 65534;
        if fs::metadata(self.folder.path()).expect("the folder").uid() != 0 {
            return;
        }
        // The folder of the test's own program may not be accessible to others.
        let program = self.path("coffer");
        fs::copy(&self.program, &program).expect("a copy of the program");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it can be run");
        self.program = program;
        self.user = Some(NOBODY);
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            lchown(&folder, Some(NOBODY), Some(NOBODY)).expect("another owner");
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                } else {
                    lchown(&path, Some(NOBODY), Some(NOBODY)).expect("another owner");
                }
            }
        }
    }

    /// A run that is not started yet, without a terminal.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        self.prepare(&mut command);
        command.args(arguments);
        command
    }

    /// As [`Computer::command`], with `wrapper` around the program: a command that runs its last arguments.
    pub fn command_in<S: AsRef<OsStr>>(
        &self,
        wrapper: &[&str],
        arguments: impl IntoIterator<Item = S>,
    ) -> Command {
        let mut command = Command::new(wrapper[0]);
        self.prepare(&mut command);
        command
            .args(&wrapper[1..])
            .arg(&self.program)
            .args(arguments);
        command
    }

    /// Gives a command the computer's environment, user and folder, and no terminal.
    pub fn prepare(&self, command: &mut Command) {
        command
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        #[cfg(unix)]
        if let Some(user) = self.user {
            use std::os::unix::process::CommandExt as _;
            command.uid(user).gid(user);
        }
    }

    /// Runs `coffer` to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn coffer<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Finished {
        Finished::of(self.command(arguments))
    }

    /// Runs `coffer` while `folder` is a separate file system of a few MB.
    ///
    /// # Panics
    /// When this system does not allow that, or `coffer` cannot be started.
    #[cfg(target_os = "linux")]
    pub fn coffer_with_small_disk(&self, folder: &Path, arguments: &[&str]) -> Finished {
        let script = "mount -t tmpfs -o size=8m,mode=700 tmpfs \"$0\" && exec \"$@\"";
        let folder = folder.to_str().expect("the tests name it");
        let inside = ["sh", "-c", script, folder];
        let namespaces = [
            &["unshare", "--user", "--map-root-user", "--mount"][..],
            &["unshare", "--mount"],
        ];
        let works = |namespace: &&[&str]| {
            let probe = [&namespace[1..], &["mount", "-t", "tmpfs", "tmpfs", "/mnt"]].concat();
            let output = Command::new(namespace[0]).args(probe).output();
            output.is_ok_and(|output| output.status.success())
        };
        let namespace = namespaces.into_iter().find(works).expect(
            "a small file system needs a mount namespace: run as root, or allow unprivileged user namespaces \
             (sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
        );
        let wrapper = [namespace, &inside].concat();
        Finished::of(self.command_in(&wrapper, arguments))
    }

    /// Starts `coffer`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Running {
        let mut child = self.command(arguments).spawn().expect("coffer starts");
        let mut stdout = child.stdout.take().expect("a pipe");
        let stderr = child.stderr.take().expect("a pipe");
        Running {
            child,
            stderr: BufReader::new(stderr),
            stdout: Some(std::thread::spawn(move || {
                let mut all = Vec::new();
                let _ = stdout.read_to_end(&mut all);
                all
            })),
            seen: String::new(),
        }
    }
}

impl Default for Computer {
    fn default() -> Self {
        Self::new()
    }
}

impl Finished {
    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it cannot be started, or a signal ended it.
    pub fn of(mut command: Command) -> Self {
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the program starts");
        Self {
            code: status
                .code()
                .expect("the program was not killed by a signal"),
            stdout: String::from_utf8(stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(stderr).expect("output is UTF-8"),
        }
    }

    /// Checks the exit code.
    ///
    /// # Panics
    /// With all output when it is another.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks that standard error has each of these words.
    ///
    /// # Panics
    /// With all output when one is missing.
    #[track_caller]
    pub fn reports(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in: {}",
                self.stderr
            );
        }
        self
    }

    /// Standard output as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// One of the counts of a `--json` report.
    ///
    /// # Panics
    /// When there is no such count.
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        let json = self.json();
        json["counts"][name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {json}"))
    }
}

impl Running {
    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line of standard error contains `words`.
    ///
    /// # Panics
    /// When it ends before.
    #[track_caller]
    pub fn wait_for(&mut self, words: &str) -> &mut Self {
        while !self.seen.contains(words) {
            let read = self
                .stderr
                .read_line(&mut self.seen)
                .expect("output is UTF-8");
            assert!(read > 0, "it ended without {words:?}: {}", self.seen);
        }
        self
    }

    /// Sends Ctrl-C.
    ///
    /// # Panics
    /// When it cannot be sent.
    #[cfg(unix)]
    pub fn interrupt(&mut self) -> &mut Self {
        self.signal("-INT")
    }

    /// Asks it to end, as a service manager does.
    ///
    /// # Panics
    /// When it cannot be asked.
    #[cfg(unix)]
    pub fn terminate(&mut self) -> &mut Self {
        self.signal("-TERM")
    }

    #[cfg(unix)]
    fn signal(&mut self, signal: &str) -> &mut Self {
        let sent = Command::new("kill")
            .args([signal, &self.id().to_string()])
            .status();
        assert!(sent.expect("kill can be run").success());
        self
    }

    /// Ends it as a power cut would.
    ///
    /// # Panics
    /// When that fails.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When a signal ended it.
    pub fn finish(mut self) -> Finished {
        let mut seen = std::mem::take(&mut self.seen);
        self.stderr
            .read_to_string(&mut seen)
            .expect("output is UTF-8");
        let status = self.child.wait().expect("it ends");
        let stdout = self.stdout.take().expect("it is taken once");
        let stdout = stdout.join().expect("the reader ends");
        Finished {
            code: status
                .code()
                .expect("the program was not killed by a signal"),
            stdout: String::from_utf8(stdout).expect("output is UTF-8"),
            stderr: seen,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Volumes in a folder, sorted.
///
/// # Panics
/// When the folder cannot be read.
pub fn volumes(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> = files
        .map(|file| {
            file.expect("a file")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}
