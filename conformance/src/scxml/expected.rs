//! The list of documents that are not applicable, each with its reason.

/// Documents that are not applicable: one a line, `NAME: REASON`; a reason that begins with `ECMAScript` counts only where
/// that language is off. Empty lines and those that begin with `#` say nothing.
pub(super) struct Expected(Vec<(String, String)>);

impl Expected {
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let split = |line: &str| {
            let (name, reason) = line.split_once(": ").ok_or_else(|| format!("the line `{line}` has no reason"))?;
            Ok((name.to_owned(), reason.to_owned()))
        };
        let mut listed: Vec<_> = lines.map(split).collect::<Result<_, String>>()?;
        listed.retain(|(_, reason)| cfg!(not(feature = "ecmascript")) || !reason.starts_with("ECMAScript"));
        Ok(Self(listed))
    }

    pub(super) fn reason(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, reason)| reason.as_str())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }
}
