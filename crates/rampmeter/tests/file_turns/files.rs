//! The seven tools on real files. Between reading and writing others may run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::corpus;

/// A folder as the first turn finds it.
pub(crate) fn fresh() -> TempDir {
    let root = TempDir::new().unwrap();
    for flow in corpus::flows().chain([corpus::HAND.to_owned(), "shared".to_owned()]) {
        let home = root.path().join(&flow);
        fs::create_dir(&home).unwrap();
        corpus::FOLDERS.iter().for_each(|it| fs::create_dir(home.join(it)).unwrap());
        let write = |it: &&str| fs::write(home.join(it), format!("plum of {flow}/{it}\n")).unwrap();
        corpus::FILES.iter().for_each(write);
    }
    root
}

/// All that is in a folder: what each file holds, and nothing for a folder.
pub(crate) fn tree(root: &Path) -> BTreeMap<String, Option<String>> {
    let mut tree = BTreeMap::new();
    walk(root, &mut |path, is_folder| {
        let text = (!is_folder).then(|| fs::read_to_string(path).unwrap());
        tree.insert(name(root, path), text);
    });
    tree
}

/// Does what a call asks for, and yields so many times where others may come in between.
pub(crate) async fn run(
    root: &Path,
    tool: &str,
    arguments: &Value,
    yields: u64,
) -> Result<String, String> {
    let text = |name: &str| arguments[name].as_str().unwrap();
    let at = |name: &str| root.join(text(name));
    let done = match tool {
        "cat" => {
            pause(yields).await;
            fs::read_to_string(at("path"))
        }
        "append" => {
            let before = match fs::read_to_string(at("path")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
                other => other,
            };
            pause(yields).await;
            before
                .and_then(|before| fs::write(at("path"), format!("{before}{}\n", text("text"))))
                .map(done)
        }
        "cp" => {
            let from = fs::read(at("from"));
            pause(yields).await;
            from.and_then(|from| fs::write(at("to"), from)).map(done)
        }
        "mv" => {
            pause(yields).await;
            fs::rename(at("from"), at("to")).map(done)
        }
        "mkdir" => {
            pause(yields).await;
            fs::create_dir(at("path")).map(done)
        }
        "rm" => {
            pause(yields).await;
            let path = at("path");
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map(done)
        }
        "grep" => grep(root, &at("path"), text("pattern"), yields).await,
        other => panic!("{other}"),
    };
    done.map_err(|error| error.kind().to_string())
}

fn done((): ()) -> String {
    "done".to_owned()
}

async fn pause(yields: u64) {
    for _ in 0..yields {
        tokio::task::yield_now().await;
    }
}

async fn grep(root: &Path, path: &Path, pattern: &str, yields: u64) -> io::Result<String> {
    fs::metadata(path)?;
    let mut files = Vec::new();
    walk(path, &mut |path, is_folder| files.extend((!is_folder).then(|| path.to_owned())));
    let mut found = String::new();
    for file in files {
        pause(yields).await;
        let text = fs::read_to_string(&file)?;
        for line in text.lines().filter(|line| line.contains(pattern)) {
            found += &format!("{}: {line}\n", name(root, &file));
        }
    }
    Ok(found)
}

/// Shows all that is below a folder, in the order of the names.
fn walk(folder: &Path, show: &mut impl FnMut(&Path, bool)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        let is_folder = path.is_dir();
        show(&path, is_folder);
        if is_folder {
            walk(&path, show);
        }
    }
}

fn name(root: &Path, path: &Path) -> String {
    let steps = path.strip_prefix(root).unwrap().components();
    steps.map(|it| it.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
