//! `[limits]`: what is written, and what it comes to on a machine.

use crate::config::value::Reason;
use crate::session::spec::Limits;

/// The word for no limit of the box's own.
pub const UNLIMITED: &str = "unlimited";

/// An amount of memory or disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Bytes(u64),
    /// Of what the machine has: 1 to 100.
    Percent(u64),
    Unlimited,
}

/// Of what there is any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    Most(u64),
    Unlimited,
}

/// What one Coopfile says of limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsLayer {
    pub memory: Option<Amount>,
    pub pids: Option<Count>,
    /// Thousandths of a processor.
    pub cpus: Option<Count>,
    pub disk: Option<Amount>,
    pub open_files: Option<Count>,
}

/// The limits that hold, as they were said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsSaid {
    pub memory: Amount,
    pub pids: Count,
    pub cpus: Count,
    pub disk: Amount,
    pub open_files: Count,
}

/// What a machine has, for amounts that are parts of it and for those that are more than it has.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub memory_bytes: u64,
    pub cpus: u64,
    /// Most processes and threads, of all users.
    pub pids: u64,
    /// Of the file system that the workspace is on.
    pub disk_bytes: u64,
    pub disk_free_bytes: u64,
    /// The hard limit of the caller.
    pub open_files: u64,
}

/// A limit that this machine cannot have: its key, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    pub key: &'static str,
    pub reason: Reason,
}

/// Enough for every build; a fork bomb is at it within a second, and the kernel counts to 32,768 at least.
const PIDS_DEFAULT: u64 = 4096;
/// A quarter stays for whoever has to end a box.
const MEMORY_DEFAULT: Amount = Amount::Percent(75);
/// The rest stays for the host's logs and for the shell of whoever cleans up.
const DISK_DEFAULT: Amount = Amount::Percent(90);
/// More than programs that watch large trees need. Descriptors in flight are counted per user against the *sender's*
/// limit: a box that parked as many as the daemon may have would keep the daemon from sending any (ETOOMANYREFS).
const OPEN_FILES_DEFAULT: u64 = 4096;

/// Below these no program starts; a limit that stops everything is a slip of the pen.
const MEMORY_LEAST: u64 = 16 << 20;
const DISK_LEAST: u64 = 1 << 20;
const PIDS_LEAST: u64 = 8;
const OPEN_FILES_LEAST: u64 = 64;

impl LimitsLayer {
    pub fn over(self, below: Self) -> Self {
        Self {
            memory: self.memory.or(below.memory),
            pids: self.pids.or(below.pids),
            cpus: self.cpus.or(below.cpus),
            disk: self.disk.or(below.disk),
            open_files: self.open_files.or(below.open_files),
        }
    }

    pub fn resolve(&self) -> LimitsSaid {
        LimitsSaid {
            memory: self.memory.unwrap_or(MEMORY_DEFAULT),
            pids: self.pids.unwrap_or(Count::Most(PIDS_DEFAULT)),
            cpus: self.cpus.unwrap_or(Count::Unlimited),
            disk: self.disk.unwrap_or(DISK_DEFAULT),
            open_files: self.open_files.unwrap_or(Count::Most(OPEN_FILES_DEFAULT)),
        }
    }
}

impl LimitsSaid {
    /// What is said here and is more, or may be more, than `mine`: keys with what they ask for.
    pub fn above(&self, mine: &Self) -> Vec<(&'static str, String)> {
        let amount = |key, said: Amount, mine: Amount| (!said.is_within(mine)).then(|| (key, said.to_string()));
        let count = |key, said: Count, mine: Count| (!said.is_within(mine)).then_some((key, said));
        let counts = [count("pids", self.pids, mine.pids), count("open_files", self.open_files, mine.open_files)];
        let cpus = count("cpus", self.cpus, mine.cpus).map(|(key, said)| {
            (key, if let Count::Most(milli) = said { thousandths(milli) } else { UNLIMITED.to_owned() })
        });
        let amounts = [amount("memory", self.memory, mine.memory), amount("disk", self.disk, mine.disk)];
        let counts = counts.into_iter().flatten().map(|(key, said)| (key, said.to_string()));
        amounts.into_iter().flatten().chain(cpus).chain(counts).collect()
    }

    /// What this comes to on `machine`; all that it cannot have.
    ///
    /// # Errors
    /// A limit that is more than the machine has would hold nothing, and is most likely a wrong unit.
    pub fn on(&self, machine: &Machine) -> Result<Limits, Vec<Beyond>> {
        let mut beyond = Vec::new();
        let mut check = |key, limit: Option<u64>, most: u64, shown: &dyn Fn(u64) -> String| {
            if let Some(limit) = limit.filter(|limit| *limit > most) {
                let reason = format!("{} is more than this machine has: {}", shown(limit), shown(most));
                beyond.push(Beyond { key, reason });
            }
            limit
        };
        let memory = check("limits.memory", self.memory.of(machine.memory_bytes), machine.memory_bytes, &bytes);
        let disk = check("limits.disk", self.disk.of(machine.disk_free_bytes), machine.disk_bytes, &bytes);
        let plain = |count: u64| count.to_string();
        let pids = check("limits.pids", self.pids.of(), machine.pids, &plain);
        let cpus = check("limits.cpus", self.cpus.of(), machine.cpus * 1000, &thousandths);
        // The default yields to a machine that has less.
        let files = match self.open_files {
            Count::Most(OPEN_FILES_DEFAULT) => Some(OPEN_FILES_DEFAULT.min(machine.open_files)),
            said => check("limits.open_files", said.of(), machine.open_files, &plain),
        };
        if !beyond.is_empty() {
            return Err(beyond);
        }
        let small = |count: Option<u64>| count.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        // A disk that is full already has no part to give.
        let disk = disk.map(|disk| disk.max(DISK_LEAST));
        Ok(Limits { memory, pids: small(pids), cpus: small(cpus), disk, open_files: files })
    }
}

impl Amount {
    fn of(self, whole: u64) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Percent(percent) => Some(whole / 100 * percent),
            Self::Unlimited => None,
        }
    }

    /// Whether it is known to be no more than `other`, on any machine.
    fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Unlimited) => true,
            (Self::Bytes(this), Self::Bytes(other)) | (Self::Percent(this), Self::Percent(other)) => this <= other,
            _ => false,
        }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(amount) => f.write_str(&bytes(*amount)),
            Self::Percent(percent) => write!(f, "{percent}%"),
            Self::Unlimited => f.write_str(UNLIMITED),
        }
    }
}

impl Count {
    fn of(self) -> Option<u64> {
        match self {
            Self::Most(most) => Some(most),
            Self::Unlimited => None,
        }
    }

    fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Unlimited) => true,
            (Self::Most(this), Self::Most(other)) => this <= other,
            _ => false,
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Most(most) => most.fmt(f),
            Self::Unlimited => f.write_str(UNLIMITED),
        }
    }
}

pub fn memory(text: &str) -> Result<Amount, Reason> {
    amount(text, MEMORY_LEAST, "for a program to run")
}

pub fn disk(text: &str) -> Result<Amount, Reason> {
    amount(text, DISK_LEAST, "for a file to be of use")
}

/// `512M`, `8GiB`, `75%`, `unlimited`. Units are powers of 1024, as the kernel's are.
fn amount(text: &str, least: u64, what_for: &str) -> Result<Amount, Reason> {
    if text == UNLIMITED {
        return Ok(Amount::Unlimited);
    }
    let wanted = || format!("{text:?} is no amount: write \"512M\", \"8G\", \"75%\" or \"{UNLIMITED}\"");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wanted())?;
    if unit == "%" {
        return match number {
            1..=100 => Ok(Amount::Percent(number)),
            _ => Err(format!("{text:?} must be 1% to 100%")),
        };
    }
    let shift = match unit {
        "K" | "KB" | "KiB" => 10,
        "M" | "MB" | "MiB" => 20,
        "G" | "GB" | "GiB" => 30,
        "T" | "TB" | "TiB" => 40,
        "" => return Err(format!("{text:?} has no unit: write {text}M or {text}G")),
        _ => return Err(wanted()),
    };
    let amount = number.checked_mul(1 << shift).ok_or_else(wanted)?;
    if amount < least {
        return Err(format!("{text:?} is too little {what_for}: at least {}", bytes(least)));
    }
    Ok(Amount::Bytes(amount))
}

fn whole(number: Option<f64>, least: u64, what: &str) -> Result<Count, Reason> {
    let Some(number) = number else { return Ok(Count::Unlimited) };
    if number.fract() != 0.0 {
        return Err(format!("must be a whole number of {what}"));
    }
    at_least(number, least, what)
}

fn at_least(number: f64, least: u64, what: &str) -> Result<Count, Reason> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates at 0 and at u64::MAX
    let count = number as u64;
    if count < least {
        return Err(format!("must be at least {least}: with fewer {what} no program runs"));
    }
    Ok(Count::Most(count))
}

pub fn pids(number: Option<f64>) -> Result<Count, Reason> {
    whole(number, PIDS_LEAST, "processes")
}

pub fn open_files(number: Option<f64>) -> Result<Count, Reason> {
    whole(number, OPEN_FILES_LEAST, "open files")
}

/// In thousandths. The kernel takes no less than a hundredth.
pub fn cpus(number: Option<f64>) -> Result<Count, Reason> {
    let Some(number) = number else { return Ok(Count::Unlimited) };
    if number < 0.01 {
        return Err("must be at least 0.01 processors".to_owned());
    }
    at_least((number * 1000.0).round(), 10, "thousandths of a processor")
}

fn thousandths(milli: u64) -> String {
    match milli % 1000 {
        0 => (milli / 1000).to_string(),
        rest => format!("{}.{rest:03}", milli / 1000).trim_end_matches('0').to_owned(),
    }
}

/// In the largest unit that leaves no fraction, or one digit of it.
pub fn bytes(amount: u64) -> String {
    let unit = [(40, "T"), (30, "G"), (20, "M"), (10, "K")].into_iter().find(|(shift, _)| amount >> shift > 0);
    match unit {
        None => format!("{amount} bytes"),
        Some((shift, unit)) => {
            let tenths = (u128::from(amount) * 10) >> shift;
            match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                tenth => format!("{}.{tenth}{unit}", tenths / 10),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Machine = Machine {
        memory_bytes: 8 << 30,
        cpus: 2,
        pids: 32768,
        disk_bytes: 100 << 30,
        disk_free_bytes: 50 << 30,
        open_files: 1_048_576,
    };

    #[test]
    fn an_amount_has_a_number_and_a_unit() {
        assert_eq!(memory("512M"), Ok(Amount::Bytes(512 << 20)));
        assert_eq!(memory("8GiB"), Ok(Amount::Bytes(8 << 30)));
        assert_eq!(memory("8GB"), Ok(Amount::Bytes(8 << 30)));
        assert_eq!(memory("1T"), Ok(Amount::Bytes(1 << 40)));
        assert_eq!(memory("75%"), Ok(Amount::Percent(75)));
        assert_eq!(memory("unlimited"), Ok(Amount::Unlimited));
        for refused in ["", "8", "G", "8 G", "8g", "8X", "-1G", "1.5G", "0G", "0%", "101%", "8iB", "1K", "99999999999T"]
        {
            assert!(memory(refused).is_err(), "{refused}");
        }
        assert_eq!(disk("8M"), Ok(Amount::Bytes(8 << 20)));
        assert_eq!(disk("1K").unwrap_err(), "\"1K\" is too little for a file to be of use: at least 1M");
    }

    #[test]
    fn a_count_is_a_number_that_lets_a_program_run() {
        assert_eq!(cpus(Some(1.5)), Ok(Count::Most(1500)));
        assert_eq!(cpus(None), Ok(Count::Unlimited));
        assert_eq!(pids(Some(100.0)), Ok(Count::Most(100)));
        for refused in [Some(0.0), Some(-1.0), Some(7.0), Some(100.5), Some(f64::NAN)] {
            assert!(pids(refused).is_err(), "{refused:?}");
        }
        assert!(cpus(Some(0.0)).is_err() && cpus(Some(f64::NAN)).is_err() && open_files(Some(3.0)).is_err());
    }

    #[test]
    fn the_defaults_leave_something_for_the_host() {
        let limits = LimitsLayer::default().resolve().on(&MACHINE).unwrap();
        assert_eq!(limits.memory, Some((8 << 30) / 100 * 75));
        assert_eq!(limits.pids, Some(4096));
        assert_eq!(limits.cpus, None);
        assert_eq!(limits.open_files, Some(4096));
        let poor = Machine { open_files: 1024, ..MACHINE };
        assert_eq!(LimitsLayer::default().resolve().on(&poor).unwrap().open_files, Some(1024));
    }

    #[test]
    fn what_is_more_than_the_machine_has_is_named_all_at_once() {
        let said = LimitsLayer {
            memory: Some(Amount::Bytes(9 << 30)),
            cpus: Some(Count::Most(2500)),
            ..LimitsLayer::default()
        };
        let beyond = said.resolve().on(&MACHINE).unwrap_err();
        let text: Vec<String> = beyond.iter().map(|one| format!("{}: {}", one.key, one.reason)).collect();
        assert_eq!(
            text,
            [
                "limits.memory: 9G is more than this machine has: 8G",
                "limits.cpus: 2.5 is more than this machine has: 2"
            ]
        );
    }

    #[test]
    fn only_what_is_surely_less_needs_no_confirmation() {
        let mine = LimitsLayer::default().resolve();
        let said = |layer: LimitsLayer| layer.resolve().above(&mine);
        assert!(said(LimitsLayer { memory: Some(Amount::Percent(50)), ..LimitsLayer::default() }).is_empty());
        assert!(said(LimitsLayer { pids: Some(Count::Most(10)), ..LimitsLayer::default() }).is_empty());
        assert!(said(LimitsLayer { cpus: Some(Count::Most(10)), ..LimitsLayer::default() }).is_empty());
        let more = said(LimitsLayer { memory: Some(Amount::Bytes(1 << 30)), ..LimitsLayer::default() });
        assert_eq!(more, [("memory", "1G".to_owned())]);
        let more = said(LimitsLayer { pids: Some(Count::Unlimited), ..LimitsLayer::default() });
        assert_eq!(more, [("pids", "unlimited".to_owned())]);
    }
}
