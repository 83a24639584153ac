//! The little of git's configuration language that is needed to find a name and an address: `git-config(1)`, "Syntax"
//! and "Includes". A file of git's holds credential helpers and commands as well; they are parsed over, never used.

/// One variable of a git configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitVariable {
    /// Lower case: git ignores the case of sections and keys.
    pub section: String,
    /// As written: git keeps the case of subsections. Empty where there is none.
    pub subsection: String,
    pub key: String,
    /// Without quotes and escapes. A key without `=` is "true" to git, and is so here.
    pub value: String,
}

/// Where an included file is taken into account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// As written: `~/...`, absolute, or relative to the including file.
    pub path: String,
    /// The pattern of an `includeIf "gitdir:PATTERN"`; `None` for a plain include.
    pub gitdir: Option<String>,
}

/// What matters of one git configuration file, in its order (a later line wins).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityLine {
    Name(String),
    Email(String),
    Include(Include),
}

/// The variables of a file. A line that git would refuse is skipped: git itself will tell its user.
pub fn variables(text: &str) -> Vec<GitVariable> {
    let mut found = Vec::new();
    let mut section = (String::new(), String::new());
    let mut rest = text.trim_start_matches('\u{feff}');
    while !rest.is_empty() {
        rest = rest.trim_start();
        if let Some(header) = rest.strip_prefix('[') {
            let (named, after) = section_header(header);
            section = named;
            rest = after;
            continue;
        }
        let (logical, after) = logical_line(rest);
        rest = after;
        if let Some((key, value)) = key_and_value(&logical) {
            found.push(GitVariable { section: section.0.clone(), subsection: section.1.clone(), key, value });
        }
    }
    found
}

/// The lines of a file that say who the user is.
pub fn identity(text: &str) -> Vec<IdentityLine> {
    let line = |variable: GitVariable| {
        let GitVariable { section, subsection, key, value } = variable;
        match (section.as_str(), subsection.as_str(), key.as_str()) {
            ("user", "", "name") => Some(IdentityLine::Name(value)),
            ("user", "", "email") => Some(IdentityLine::Email(value)),
            ("include", "", "path") => Some(IdentityLine::Include(Include { path: value, gitdir: None })),
            ("includeif", condition, "path") => {
                let gitdir = condition.strip_prefix("gitdir:")?.to_owned();
                Some(IdentityLine::Include(Include { path: value, gitdir: Some(gitdir) }))
            }
            _ => None,
        }
    };
    variables(text).into_iter().filter_map(line).collect()
}

/// Reads `section "sub \"section\""]`; gives both names and what stands behind the bracket.
fn section_header(text: &str) -> ((String, String), &str) {
    let mut name = String::new();
    let mut subsection = String::new();
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => return ((String::new(), String::new()), &text[at..]),
            ']' if !quoted => return ((name.trim().to_lowercase(), subsection), &text[at + 1..]),
            '"' => quoted = !quoted,
            '\\' if quoted => subsection.extend(chars.next().map(|(_, escaped)| escaped)),
            c if quoted => subsection.push(c),
            c => name.push(c),
        }
    }
    ((String::new(), String::new()), "")
}

/// One line, with the lines that a backslash at the end glues to it; and what follows.
fn logical_line(text: &str) -> (String, &str) {
    let mut line = String::new();
    let mut rest = text;
    loop {
        let (physical, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let physical = physical.strip_suffix('\r').unwrap_or(physical);
        rest = after;
        let backslashes = physical.len() - physical.trim_end_matches('\\').len();
        line.push_str(physical);
        // An even number is escaped backslashes. A comment is not continued.
        if backslashes % 2 == 0 || rest.is_empty() || line.starts_with(['#', ';']) {
            return (line, rest);
        }
        line.pop();
    }
}

fn key_and_value(line: &str) -> Option<(String, String)> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = rest.trim_start();
    match rest.strip_prefix('=') {
        _ if key.is_empty() => None,
        Some(value) => Some((key.to_lowercase(), plain(value.trim_start()))),
        None if rest.is_empty() || rest.starts_with(['#', ';']) => Some((key.to_lowercase(), "true".to_owned())),
        None => None,
    }
}

/// The value without quotes, escapes, comment and the spaces at its end.
fn plain(text: &str) -> String {
    let mut value = String::new();
    let mut quoted = false;
    // Spaces count only when something follows them.
    let mut kept = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => value.extend(chars.next().map(|escaped| match escaped {
                'n' => '\n',
                't' => '\t',
                'b' => '\u{8}',
                other => other,
            })),
            c => value.push(c),
        }
        if quoted || !c.is_whitespace() {
            kept = value.len();
        }
    }
    value.truncate(kept);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(text: &str) -> Vec<IdentityLine> {
        identity(text)
    }

    #[test]
    fn name_and_email_are_found_as_git_finds_them() {
        let text = "\
# me
[User]
\tName = \"Ada \\\"L\\\" \" Lovelace ; the first
\temail = ada@\\
example.org   # work
[user \"other\"]
\tname = nobody
[credential]
\thelper = !steal
[core] editor = vi
";
        assert_eq!(
            said(text),
            [IdentityLine::Name("Ada \"L\"  Lovelace".into()), IdentityLine::Email("ada@example.org".into())]
        );
    }

    #[test]
    fn includes_keep_their_place_and_condition() {
        let text =
            "[include]\npath = a\n[includeIf \"gitdir:~/work/\"]\npath = ~/b\n[includeIf \"onbranch:x\"]\npath = c\n";
        let include = |path: &str, gitdir: Option<&str>| {
            IdentityLine::Include(Include { path: path.into(), gitdir: gitdir.map(str::to_owned) })
        };
        assert_eq!(said(text), [include("a", None), include("~/b", Some("~/work/"))]);
    }

    #[test]
    fn a_line_that_git_would_refuse_is_skipped() {
        assert_eq!(said("[user\nname = a\n[user]\n= x\nna me = y\nname = \"open"), [IdentityLine::Name("open".into())]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic_or_hang(text in "[a-z\\[\\]=\"\\\\\n\r#; é]{0,60}") {
            variables(&text);
        }
    }
}
