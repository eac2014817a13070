use clap::{ArgMatches, Args};
use coffer_ipc::job::FilterRule;
use coffer_jobs::values::parse_size;

use super::compacting::AutoCompacting;
use super::{Common, Destination, OWN_VERSION, boolean, numbers, rules_in_order};

/// Numbers of versions, where `--version` alone asks for the program's own.
#[derive(Args)]
pub(crate) struct Versions {
    /// Numbers of the versions, such as 0,2,5-7; 0 is the newest. Default: all.
    #[arg(long, num_args = 0..=1, default_missing_value = OWN_VERSION)]
    version: Option<String>,
    /// `--version` as numbers.
    #[arg(skip)]
    pub(crate) numbers: Vec<usize>,
}

impl Versions {
    /// Reads the numbers; true when the program's own version is asked for.
    pub(super) fn read(&mut self) -> Result<bool, String> {
        match self.version.as_deref() {
            None => Ok(false),
            Some(OWN_VERSION) => Ok(true),
            Some(text) => {
                self.numbers = numbers(text)?;
                Ok(false)
            }
        }
    }
}

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// How many volumes of each kind are read: a number, or all. With 0 only names and lengths are compared.
    #[arg(default_value = "1", value_parser = samples)]
    pub(crate) samples: SampleCount,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// `None` for all.
#[derive(Clone, Copy)]
pub(crate) struct SampleCount(pub(crate) Option<u64>);

fn samples(text: &str) -> Result<SampleCount, String> {
    if text.eq_ignore_ascii_case("all") {
        return Ok(SampleCount(None));
    }
    let count = text.parse();
    count
        .map(|count| SampleCount(Some(count)))
        .map_err(|_| format!("{text:?} is neither a number nor \"all\""))
}

#[derive(Args)]
pub(crate) struct Find {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// Paths, names or wildcards; everything when none is given.
    pub(crate) patterns: Vec<String>,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) versions: Versions,
}

#[derive(Args)]
pub(crate) struct Compare {
    #[command(flatten)]
    pub(crate) destination: Destination,
    /// Number of the older version.
    #[arg(default_value_t = 1)]
    pub(crate) base: usize,
    /// Number of the newer version.
    #[arg(default_value_t = 0)]
    pub(crate) to: usize,
    #[command(flatten)]
    pub(crate) common: Common,
}

/// Commands that need nothing but the destination.
#[derive(Args)]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) common: Common,
}

#[derive(Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) plain: Plain,
    /// Prints what would be done and does nothing.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) dry_run: bool,
}

/// What all purges take.
#[derive(Args)]
pub(crate) struct Purging {
    #[command(flatten)]
    pub(crate) destination: Destination,
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) versions: Versions,
    #[command(flatten)]
    pub(crate) compacting: AutoCompacting,
    /// Size of a volume (unit mb), for what is rewritten.
    #[arg(long, default_value = "50mb", value_parser = |text: &str| parse_size(text, "mb"))]
    pub(crate) dblock_size: u64,
    /// Deletes at once what no version needs then, and not in a run a day from now. For when no other computer backs up
    /// into this folder right now.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) now: bool,
    /// Prints what would be done and does nothing.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", value_parser = boolean)]
    pub(crate) dry_run: bool,
}

#[derive(Args)]
pub(crate) struct Purge {
    #[command(flatten)]
    pub(crate) purging: Purging,
    /// Paths or wildcards over whole paths; a folder's own path means its entry alone.
    pub(crate) paths: Vec<String>,
    /// Takes out what matches; the first rule that matches decides.
    #[arg(long, conflicts_with = "paths")]
    include: Vec<String>,
    /// Keeps what matches; the first rule that matches decides.
    #[arg(long, conflicts_with = "paths")]
    exclude: Vec<String>,
    /// The rules in the order of the command line.
    #[arg(skip)]
    pub(crate) rules: Vec<FilterRule>,
}

impl Purge {
    /// Takes the rules in the order in which they were given; paths are rules as well.
    pub(super) fn read_rules(&mut self, matches: &ArgMatches) -> Result<(), String> {
        self.rules = rules_in_order(matches);
        let paths = self.paths.iter().map(|path| FilterRule {
            include: true,
            expression: path.clone(),
        });
        self.rules.extend(paths);
        if self.rules.iter().any(|rule| rule.include) {
            Ok(())
        } else {
            Err("name what to purge: paths, or --include".to_owned())
        }
    }
}

#[derive(Args)]
pub(crate) struct PurgeBroken {
    #[command(flatten)]
    pub(crate) purging: Purging,
}
