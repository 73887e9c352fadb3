//! An embedding of a network's input, a list of whole numbers: the kernels of [`crate::kernels::embedding`].

use super::{BackwardPass, Context, Declared, ForwardPass, Kind, ShapeError, Spec, WeightPass};
use crate::{
    kernels::embedding::{self, Index, IndexError},
    nn::{
        declare::{Init, LayerTensor, Settings, Streaming},
        pass::Indices,
    },
    parallel,
    shape::Dims,
};

/// Rows of a table by their numbers.
#[derive(Debug)]
pub struct Embedding;

const NAME: &str = "embedding";

impl Embedding {
    /// Rows of the table and their width by position.
    pub const fn declare(context: Context<'_>) -> Declared {
        let context = context.expect("embedding(vocabulary, width)", 2, &[]);
        let (vocabulary, width) = (context.size(0, "rows of the vocabulary"), context.size(1, "width"));
        let input = context.input();
        if input.rank() != 1 || !context.is_first() {
            context.message().text("expected the network's input, a list of whole numbers such as `[u16; 40]`").fail();
        }
        context.check(embedding::Embedding::new(vocabulary, width).validate());
        let spec = Spec {
            settings: Settings::of(&[vocabulary, width]),
            reads_input: true,
            reads_indices: true,
            by_piece: false,
            streaming: Streaming::EachStep,
            vocabulary,
            ..Spec::NEW
        };
        Declared::new(&context, Dims::new(&[input.len(), width]), spec)
            // Keras' default.
            .tensor(LayerTensor::new("embeddings", &[vocabulary, width], Init::Uniform(0.05)).decays())
    }
}

fn narrow(error: IndexError) -> ShapeError {
    match error {
        IndexError::Shape(error) => error,
        IndexError::Index { index, vocabulary, .. } => {
            ShapeError::at_most(NAME, "index", vocabulary.saturating_sub(1), index as usize)
        }
    }
}

fn forward<I: Index + Sync>(pass: &mut ForwardPass<'_>, ids: &[I]) -> Result<(), ShapeError> {
    let shape = embedding::Embedding::new(pass.node.settings.size::<0>(), pass.node.settings.size::<1>());
    let (w, each) = (pass.parameters, pass.node.input as usize);
    parallel::for_rows(pass.threads, pass.samples, pass.y, &|samples, y: &mut [f32]| {
        let place = samples.start * each..samples.end * each;
        let ids = ids.get(place.clone()).ok_or(ShapeError::new(NAME, "ids", place.end, ids.len()))?;
        embedding::forward_into(&shape, ids, w, y).map_err(narrow)
    })
}

fn weights<I: Index>(pass: WeightPass<'_>, ids: &[I]) -> Result<(), ShapeError> {
    let shape = embedding::Embedding::new(pass.node.settings.size::<0>(), pass.node.settings.size::<1>());
    if pass.is_first {
        pass.gradient.fill(0.0);
    }
    embedding::backward_acc(pass.level, &shape, ids, pass.dy, pass.rows, pass.gradient).map_err(narrow)
}

impl Kind for Embedding {
    fn forward(mut pass: ForwardPass<'_>) -> Result<(), ShapeError> {
        match pass.indices {
            Indices::U8(ids) => forward(&mut pass, ids),
            Indices::U16(ids) => forward(&mut pass, ids),
            Indices::U32(ids) => forward(&mut pass, ids),
            Indices::None => Err(ShapeError::new(NAME, "ids", pass.samples * pass.node.input as usize, 0)),
        }
    }

    /// A whole number has no slope.
    fn backward(pass: BackwardPass<'_>) -> Result<(), ShapeError> {
        pass.dx.fill(0.0);
        Ok(())
    }

    fn weights(pass: WeightPass<'_>) -> Result<(), ShapeError> {
        match pass.indices {
            Indices::U8(ids) => weights(pass, ids),
            Indices::U16(ids) => weights(pass, ids),
            Indices::U32(ids) => weights(pass, ids),
            Indices::None => Err(ShapeError::new(NAME, "ids", pass.samples * pass.node.input as usize, 0)),
        }
    }
}
