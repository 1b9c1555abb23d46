//! Exit reasons as the recording writes them.

use throng::ExitReason;

/// Reads a reason.
pub(super) fn parse(text: &str) -> ExitReason {
    match text {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        "noproc" => ExitReason::NoProc,
        _ => match text.strip_prefix("{shutdown,").and_then(|rest| rest.strip_suffix('}')) {
            Some(note) => ExitReason::shutdown_with(note),
            None => ExitReason::custom(text),
        },
    }
}
