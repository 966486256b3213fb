//! Runs scripts of PostgreSQL's regression tests on both servers: `regress PEERGRES_URL POSTGRESQL_URL FOLDER SCRIPT…`, where FOLDER is
//! PostgreSQL's `src/test/regress` and the first script should be `test_setup`. Prints what differs, then a line of counts per script.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use peergres_tests::regress::{
    Difference, Pair,
    answer::{Answer, Kind},
};

/// Characters of a statement or message that are shown.
const SHOWN: usize = 400;

fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The part of an answer that differs from the other one.
fn shown(answer: &Answer, other: &Answer, kind: Kind) -> String {
    match (answer, other) {
        (Answer::Rows { columns, .. }, Answer::Rows { .. }) if kind == Kind::Columns => columns.join(" "),
        (Answer::Rows { rows, .. }, Answer::Rows { rows: others, .. }) => {
            let first = rows.iter().zip(others).take_while(|(a, b)| a == b).count();
            format!("row {} of {}: {}", first + 1, rows.len(), rows[first..].iter().take(3).cloned().collect::<Vec<_>>().join(" ⏎ "))
        }
        (Answer::Rows { rows, .. }, _) => format!("{} rows: {}", rows.len(), rows.iter().take(3).cloned().collect::<Vec<_>>().join(" ⏎ ")),
        (Answer::Error { code, message, rest }, _) => format!("{code} {message} {rest}"),
        (Answer::Broken(text), _) => format!("broken: {text}"),
    }
}

fn print(name: &str, difference: &Difference) {
    let Difference { line, sql, kind, ours, theirs } = difference;
    println!("{kind} {name}:{line} {}", short(sql));
    println!("    ours   {}", short(&shown(ours, theirs, *kind)));
    println!("    theirs {}", short(&shown(theirs, ours, *kind)));
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ours, theirs, folder, scripts @ ..] = &arguments[..] else {
        eprintln!("usage: regress PEERGRES_URL POSTGRESQL_URL FOLDER SCRIPT…");
        return ExitCode::from(2);
    };
    let pair = Pair::new(ours, theirs, Path::new(folder));
    let mut clean = true;
    for name in scripts {
        let outcome = pair.run(name);
        let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
        for difference in &outcome.differences {
            *counts.entry(difference.kind).or_default() += 1;
            print(name, difference);
        }
        clean &= counts.is_empty();
        let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("# {name}: {} statements, {} differ: {}", outcome.asked, outcome.differences.len(), counts.join(", "));
    }
    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
