//! A slope below 0.
//~ network `Wrong`, layer 1 `leaky_relu`: a slope is 0.0 or more
kernlet::network! {
    struct Wrong([4]) { dense(2), leaky_relu(-0.1) }
}

fn main() {}
