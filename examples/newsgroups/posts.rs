//! Posts: where they are, what of them is read, what a word of them is.

use std::{ffi::OsString, fs, io, path::Path};

/// One post in so many of a group is held out.
const HELD_OUT: usize = 5;

/// Letters of a word that count.
pub const STEM: usize = 6;

/// A post and its group's number.
pub struct Post {
    pub group: u8,
    pub body: Vec<u8>,
}

/// All posts, those to learn from and those held out.
pub struct Posts {
    pub groups: Vec<String>,
    pub training: Vec<Post>,
    pub test: Vec<Post>,
}

impl Posts {
    /// Reads a folder of folders of posts.
    pub fn read(root: &Path, most_groups: usize) -> Result<Self, String> {
        let mut posts = Self { groups: Vec::new(), training: Vec::new(), test: Vec::new() };
        for name in entries(root, true)? {
            let folder = root.join(&name);
            let files = entries(&folder, false)?;
            if files.len() < HELD_OUT {
                let (found, at) = (files.len(), folder.display());
                return Err(format!("{at}: expected {HELD_OUT} posts or more, found {found}"));
            }
            let group = u8::try_from(posts.groups.len()).unwrap_or(u8::MAX);
            posts.groups.push(name.to_string_lossy().into_owned());
            for (index, file) in files.iter().enumerate() {
                let path = folder.join(file);
                let text = fs::read(&path).map_err(|error| at(&path, &error))?;
                let post = Post { group, body: body(&text).to_vec() };
                if index % HELD_OUT == HELD_OUT - 1 { posts.test.push(post) } else { posts.training.push(post) }
            }
        }
        let found = posts.groups.len();
        if !(2..=most_groups).contains(&found) {
            return Err(format!(
                "{}: expected 2 to {most_groups} folders, one for each group, found {found}",
                root.display()
            ));
        }
        Ok(posts)
    }
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// The names of the folders, or of the files, in a folder, in order; hidden ones are passed over.
fn entries(path: &Path, folders: bool) -> Result<Vec<OsString>, String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| at(path, &error))? {
        let entry = entry.map_err(|error| at(path, &error))?;
        let name = entry.file_name();
        let kind = fs::metadata(entry.path()).map_err(|error| at(&entry.path(), &error))?;
        if !name.as_encoded_bytes().starts_with(b".") && kind.is_dir() == folders {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// What follows the first empty line; everything where there is none.
pub fn body(text: &[u8]) -> &[u8] {
    let mut start = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        start += line.len();
        if line == b"\n" || line == b"\r\n" {
            return &text[start..];
        }
    }
    text
}

/// Calls `f` with each word of a text; says as much about words as the command's help.
pub fn for_each_word<E>(text: &[u8], mut f: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'\'';
    let mut word = [0; STEM];
    for run in text.split(|byte| !inside(byte)) {
        let letter = run.iter().position(u8::is_ascii_alphabetic).unwrap_or(run.len());
        let run = run[letter..].trim_suffix_of(b'\'');
        if run.len() >= 2 {
            let len = run.len().min(STEM);
            word[..len].copy_from_slice(&run[..len]);
            word[..len].make_ascii_lowercase();
            f(&word[..len])?;
        }
    }
    Ok(())
}

/// Cutting a byte off the end as often as it is there.
trait TrimSuffix {
    fn trim_suffix_of(&self, byte: u8) -> &[u8];
}

impl TrimSuffix for [u8] {
    fn trim_suffix_of(&self, byte: u8) -> &[u8] {
        &self[..self.iter().rposition(|b| *b != byte).map_or(0, |last| last + 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_left_out() {
        assert_eq!(body(b"From: a\nSubject: b\n\ntext\n\nmore"), b"text\n\nmore");
        assert_eq!(body(b"From: a\r\n\r\ntext"), b"text");
        assert_eq!(body(b"no header"), b"no header");
    }

    #[test]
    fn words_are_what_the_help_says() {
        let mut words = Vec::new();
        let text = "Don't 'quote' 3D-graphics, x 42 IBM486! Thinking\u{e9}clair".as_bytes();
        for_each_word(text, |word| {
            words.push(String::from_utf8(word.to_vec()).unwrap());
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!(words, ["don't", "quote", "graphi", "ibm486", "thinki", "clair"]);
    }
}
