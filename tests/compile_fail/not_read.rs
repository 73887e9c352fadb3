//! A branch that leads nowhere.
//~ network `Wrong`, layer 1 `b`: no layer reads its output
kernlet::network! {
    struct Wrong([4]) { a: dense(4), b: dense(4), relu(from: a) }
}

fn main() {}
