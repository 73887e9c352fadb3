//! What a network consists of, decided while it compiles: the macro, what was written, the layers
//! with their shapes, and the messages where something does not fit.

mod definition;
mod layer;
mod macros;
mod message;
mod spec;

pub use definition::{Argument, Context, Definition, Given};
pub(crate) use layer::same;
pub use layer::{Attribute, Fill, Init, Layer, LayerTensor, MAX_OPERANDS, Node, Value, fills};
pub use message::Message;
pub use spec::{
    Auxiliary, Carries, Declaration, Declared, InPlace, Link, Scratch, Settings, Spec, Streaming, layers, nodes,
};
