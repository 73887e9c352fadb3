//! Parts of a page that shows what a network learnt: programs that write one have its look in common.

use std::fmt::Display;

use kernlet::{data::metrics::Confusion, nn::Metrics};

use crate::picture::{self, Curve};

/// What a page begins with; [`END`] closes it.
pub fn head(title: &str, heading: &str) -> String {
    format!(
        r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>kernlet: {title}</title>
<style>
{STYLE}</style></head><body><main><h1>{heading}</h1>
"#
    )
}

/// What a page ends with.
pub const END: &str = "</main></body></html>\n";

/// Numbers in large type, each with what it is.
pub fn figures(figures: &[(&str, String)]) -> String {
    let boxes = figures.iter().map(|(name, value)| format!("<div><strong>{value}</strong><span>{name}</span></div>"));
    format!(r#"<section class="figures">{}</section>"#, boxes.collect::<String>())
}

/// Loss and accuracy over the epochs from number `first` on: of training, and of testing.
pub fn curves(first: u32, epochs: &[[Metrics; 2]]) -> Result<String, std::fmt::Error> {
    let chart = |title: &str, value: &dyn Fn(&Metrics) -> f32| {
        let curve = |name, class, index: usize| {
            let values = epochs.iter().map(|epoch| f64::from(value(&epoch[index]))).collect();
            Curve { name, class, values }
        };
        picture::chart(title, first, &[curve("training, as it learns", "a", 0), curve("test", "b", 1)])
    };
    let (loss, accuracy) = (chart("Loss", &|m| m.loss)?, chart("Accuracy", &|m| m.accuracy())?);
    Ok(format!(r#"<h2>Learning</h2><div class="charts">{loss}{accuracy}</div>"#))
}

/// The table of what was taken for what, with the names of the classes.
pub fn confusion<const CLASSES: usize>(confusion: &Confusion<CLASSES>, class: &str, names: &[&str; CLASSES]) -> String {
    let mut html = format!(
        r#"<h2>What was taken for what</h2><table class="confusion"><caption>A row for each {class}, a column for what the network said</caption><tr><th></th>"#
    );
    names.iter().for_each(|name| html += &format!("<th>{name}</th>"));
    html += "<th>found</th></tr>";
    let wrong = |row: usize, column: usize| row != column;
    let counts = confusion.counts();
    let most = (0..CLASSES * CLASSES)
        .map(|at| if wrong(at / CLASSES, at % CLASSES) { counts[at / CLASSES][at % CLASSES] } else { 0 })
        .max()
        .unwrap_or(0)
        .max(1);
    for (label, row) in counts.iter().enumerate() {
        html += &format!("<tr><th>{}</th>", names[label]);
        for (guess, &count) in row.iter().enumerate() {
            if !wrong(label, guess) {
                html += &format!(r#"<td class="right">{count}</td>"#);
            } else if count == 0 {
                html += r#"<td class="none">·</td>"#;
            } else {
                let strength = 15.0 + 70.0 * f64::from(count) / f64::from(most);
                html += &format!(
                    r#"<td style="background:color-mix(in srgb, var(--b) {strength:.0}%, transparent)">{count}</td>"#
                );
            }
        }
        html += &format!("<td>{:.1} %</td></tr>", 100.0 * confusion.recall(label));
    }
    html + "</table>"
}

const STYLE: &str = r#":root { color-scheme: light dark; --fg: #1c2024; --bg: #fff; --faint: #667; --line: #d8dce2; --card: #f5f6f8; --a: #6b7a90; --b: #d1495b; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6e8eb; --bg: #14171a; --faint: #99a3ad; --line: #333a42; --card: #1e2328; --a: #8fa1b8; --b: #f0707f; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 0; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; margin: 1.5rem 0 .5rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { color: var(--faint); max-width: 46rem; margin: .5rem 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0; }
.figures div { background: var(--card); border-radius: .5rem; padding: .75rem 1.25rem; flex: 1 1 9rem; }
.figures strong { display: block; font-size: 1.5rem; } .figures span { color: var(--faint); font-size: .85rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { flex: 1 1 24rem; margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } .grid { stroke: var(--line); } .tick { font-size: 11px; fill: var(--faint); }
.curve { fill: none; stroke-width: 2; } .curve.a { stroke: var(--a); } .curve.b { stroke: var(--b); }
.dot.a { fill: var(--a); } .dot.b { fill: var(--b); }
.legend { margin: 0; font-size: .85rem; } .key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .35em 0 .6em; }
.key.a { background: var(--a); } .key.b { background: var(--b); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; } caption { text-align: left; color: var(--faint); padding-bottom: .5rem; }
.layers td, .layers th { padding: .2rem .8rem .2rem 0; text-align: left; } .bar { display: inline-block; height: .7em; background: var(--a); border-radius: 2px; }
.confusion { display: block; overflow-x: auto; } .confusion td, .confusion th { text-align: right; padding: .25rem .6rem; min-width: 1.6rem; }
.confusion .right { font-weight: 600; background: var(--card); } .confusion .none { color: var(--line); }
.cards { display: flex; flex-wrap: wrap; gap: .75rem; } .card { background: var(--card); border-radius: .5rem; padding: .6rem; font-size: .85rem; text-align: center; }
.card span { display: block; margin-top: .35rem; }
.digit { width: 84px; height: 84px; image-rendering: pixelated; border-radius: .25rem; margin: 0 2px; }
.sound { width: 192px; height: 80px; image-rendering: pixelated; border-radius: .25rem; margin: 1px; }
.filters { display: grid; grid-template-columns: repeat(auto-fill, 48px); gap: .6rem; } .filter { width: 48px; height: 48px; image-rendering: pixelated; border: 1px solid var(--line); }
"#;

/// A thing's name behind its article.
pub fn one(name: impl Display) -> String {
    let name = name.to_string();
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u', '8']) { "an" } else { "a" };
    format!("{article} <b>{name}</b>")
}
