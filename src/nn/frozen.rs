//! Which layers training leaves as they are.

use super::declare::{Layer, Message, same};

/// A set of layers that training leaves as they are, in any network.
///
/// ```
/// use kernlet::nn::{Frozen, Network};
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// let frozen = |set: Frozen| [0, 1, 2, 3].map(|index| set.contains(Tiny::LAYERS, index));
/// assert_eq!(frozen(Frozen::Nothing), [false; 4]);
/// assert_eq!(frozen(Frozen::First(1)), [true, false, false, false]);
/// assert_eq!(frozen(Frozen::AllBut(1)), [true, false, false, false]);
/// assert_eq!(frozen(Frozen::Named(&["out"])), [false, false, true, false]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Frozen {
    /// No layer.
    #[default]
    Nothing,
    /// The first so many layers that have parameters.
    First(usize),
    /// All layers that have parameters but the last so many.
    AllBut(usize),
    /// The layers of these names.
    Named(&'static [&'static str]),
}

impl Frozen {
    /// Whether layer `index` is one of them; no layer without parameters is.
    pub const fn contains(&self, layers: &[Layer], index: usize) -> bool {
        if index >= layers.len() || layers[index].rows == 0 {
            return false;
        }
        let (mut before, mut after, mut i) = (0, 0, 0);
        while i < layers.len() {
            if layers[i].rows > 0 {
                if i < index {
                    before += 1;
                } else if i > index {
                    after += 1;
                }
            }
            i += 1;
        }
        match *self {
            Self::Nothing => false,
            Self::First(count) => before < count,
            Self::AllBut(count) => after >= count,
            Self::Named(names) => position(names, layers[index].name) < names.len(),
        }
    }

    /// Stops the compilation if a name is that of no layer with parameters, or there are fewer layers than are counted.
    pub(crate) const fn check(&self, network: &str, layers: &[Layer]) {
        let mut with_parameters = 0;
        let mut i = 0;
        while i < layers.len() {
            if layers[i].rows > 0 {
                with_parameters += 1;
            }
            i += 1;
        }
        match *self {
            Self::First(count) | Self::AllBut(count) if count > with_parameters => Message::of_network(network)
                .number(count)
                .text(" layers are counted where layers are frozen, ")
                .number(with_parameters)
                .text(" have parameters")
                .fail(),
            Self::Named(names) => {
                let mut n = 0;
                while n < names.len() {
                    let (mut found, mut i) = (false, 0);
                    while i < layers.len() {
                        found |= layers[i].rows > 0 && same(layers[i].name, names[n]);
                        i += 1;
                    }
                    if !found {
                        Message::of_network(network)
                            .text("`")
                            .text(names[n])
                            .text("` is to be frozen, and no layer that has parameters is named so")
                            .fail()
                    }
                    n += 1;
                }
            }
            _ => {}
        }
    }
}

/// Where `name` stands in `names`; past the last if nowhere.
const fn position(names: &[&str], name: &str) -> usize {
    let mut i = 0;
    while i < names.len() && !same(names[i], name) {
        i += 1;
    }
    i
}

/// A type that says which layers training leaves as they are.
///
/// [`Nothing`], [`First`] and [`AllButLast`] are such types; [`frozen!`](crate::frozen) makes one from names.
/// A name that no layer with parameters has does not compile.
///
/// ```
/// use kernlet::nn::{AllButLast, First, Freeze, Frozen};
/// kernlet::frozen! {
///     /// What sees edges.
///     pub struct Edges = ["conv1", "conv2"];
/// }
/// assert_eq!(Edges::FROZEN, Frozen::Named(&["conv1", "conv2"]));
/// assert_eq!((First::<3>::FROZEN, AllButLast::<1>::FROZEN), (Frozen::First(3), Frozen::AllBut(1)));
/// ```
pub trait Freeze: Copy + Send + Sync + 'static {
    /// The layers.
    const FROZEN: Frozen;
}

/// Every layer is trained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Nothing;

/// The first `COUNT` layers that have parameters stay as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct First<const COUNT: usize>;

/// All layers stay as they are but the last `COUNT` that have parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AllButLast<const COUNT: usize>;

impl Freeze for Nothing {
    const FROZEN: Frozen = Frozen::Nothing;
}

impl<const COUNT: usize> Freeze for First<COUNT> {
    const FROZEN: Frozen = Frozen::First(COUNT);
}

impl<const COUNT: usize> Freeze for AllButLast<COUNT> {
    const FROZEN: Frozen = Frozen::AllBut(COUNT);
}

/// Declares a type for [`Freeze`](crate::nn::Freeze): the layers of these names stay as they are.
///
/// ```
/// kernlet::network! { struct Tiny([2]) { hidden: dense(8), tanh, out: dense(3), softmax } }
/// kernlet::frozen! { struct Hidden = ["hidden"]; }
/// use kernlet::nn::{Freeze, Network};
/// assert!(Hidden::FROZEN.contains(Tiny::LAYERS, 0));
/// ```
#[macro_export]
macro_rules! frozen {
    ($(#[$meta:meta])* $vis:vis struct $name:ident = [$($layer:literal),* $(,)?] $(;)?) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        $vis struct $name;

        impl $crate::nn::Freeze for $name {
            const FROZEN: $crate::nn::Frozen = $crate::nn::Frozen::Named(&[$($layer),*]);
        }
    };
}
