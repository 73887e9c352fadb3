//! From a file to a network's parameters.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;

use ::safetensors::{Dtype, SafeTensors, tensor::TensorView};

use super::{
    HYPERPARAMETERS, SafetensorsError,
    layout::{Layout, Piece, pytorch_name, pytorch_pieces},
    numbers,
};
use crate::snapshot::{AttributeInfo, AttributeValue, ModelInfo, TensorInfo};

/// Which names and layouts a file has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Convention {
    Keras,
    PyTorch,
}

/// How a file is read: whose names and layouts it has, and what it cannot say itself.
///
/// ```
/// use kernlet::{nn::Model, snapshot::{Described, safetensors::{Reader, SafetensorsError, to_bytes}}};
/// kernlet::network! { struct Net([4, 4, 3]) { conv1: conv2d(8, 3x3), bn1: batch_norm, relu, fc: dense(2) } }
/// # use kernlet::snapshot::ModelInfo;
/// # const SILENT: ModelInfo = ModelInfo::new("Net", 0, Net::INFO.tensors());
/// # let file = to_bytes(&SILENT, Model::<Net>::zeroed().parameters())?;
/// let mut model = Model::<Net>::zeroed();
/// // Weights of Keras, which do not say their ε: 0.001 is its default.
/// let read = |reader: Reader, model: &mut Model<Net>| reader.read_into(&file, &Net::INFO, model.parameters_mut());
/// assert!(matches!(read(Reader::keras(), &mut model), Err(SafetensorsError::Unstated { .. })));
/// assert!(matches!(read(Reader::keras().epsilon(1.001e-5), &mut model), Err(SafetensorsError::Hyperparameter { .. })));
/// read(Reader::keras().epsilon(1e-3), &mut model)?;
/// # Ok::<(), SafetensorsError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    convention: Convention,
    prefix: Option<&'a str>,
    layers: &'a [(&'a str, &'a str)],
    epsilon: Option<f64>,
    epsilons: &'a [(&'a str, f64)],
}

/// A tensor of the file.
struct Found<'f> {
    name: String,
    view: TensorView<'f>,
}

/// A tensor that must be in the file, and which parameters it holds.
struct Wanted {
    name: String,
    range: Range<usize>,
    layout: Layout,
    /// Whether it is added to what is there already.
    adds: bool,
}

impl<'a> Reader<'a> {
    const fn new(convention: Convention) -> Self {
        Self { convention, prefix: None, layers: &[], epsilon: None, epsilons: &[] }
    }

    /// A file with Keras' names and layouts; `:0` after a name is passed over.
    pub const fn keras() -> Self {
        Self::new(Convention::Keras)
    }

    /// A `state_dict` of PyTorch.
    ///
    /// Modules are looked for under the names of the layers. If their names are numbers, as in an `nn.Sequential`, they
    /// are the layers that have parameters, in the order of the numbers.
    pub const fn pytorch() -> Self {
        Self::new(Convention::PyTorch)
    }

    /// With that text before every name; tensors without it are passed over.
    ///
    /// Unless it is given, it is detected, and every tensor of the file must be one of the network.
    pub const fn prefix(self, prefix: &'a str) -> Self {
        Self { prefix: Some(prefix), ..self }
    }

    /// With layers that have other names in the file: pairs of the network's and the file's. Recurrent layers with the
    /// same name are those of one module, in the order of the network.
    ///
    /// ```
    /// use kernlet::{nn::Model, snapshot::{Described, safetensors::{Reader, to_pytorch_bytes}}};
    /// kernlet::network! { struct Net([2]) { first: dense(3), relu, last: dense(2) } }
    /// # kernlet::network! { struct Theirs([2]) { features: dense(3), relu, head: dense(2) } }
    /// # let file = to_pytorch_bytes(&Theirs::INFO, &[0.5; 17])?;
    /// let mut model = Model::<Net>::zeroed();
    /// let reader = Reader::pytorch().layers(&[("first", "features"), ("last", "head")]);
    /// reader.read_into(&file, &Net::INFO, model.parameters_mut())?;
    /// assert_eq!(model.parameters(), [0.5; 17]);
    /// # Ok::<(), kernlet::snapshot::safetensors::SafetensorsError>(())
    /// ```
    pub const fn layers(self, layers: &'a [(&'a str, &'a str)]) -> Self {
        Self { layers, ..self }
    }

    /// With that ε in every normalisation of the trained model, unless the file states another.
    pub const fn epsilon(self, epsilon: f64) -> Self {
        Self { epsilon: Some(epsilon), ..self }
    }

    /// With these ε in normalisations of these names of the network.
    pub const fn epsilons(self, epsilons: &'a [(&'a str, f64)]) -> Self {
        Self { epsilons, ..self }
    }

    /// Fills a network's parameters.
    ///
    /// # Errors
    /// [`SafetensorsError`] if the file is broken, its tensors are not exactly the network's, or a hyper-parameter
    /// contradicts the network's or is not known; `parameters` is then as it was.
    pub fn read_into(&self, bytes: &[u8], info: &ModelInfo, parameters: &mut [f32]) -> Result<(), SafetensorsError> {
        if parameters.len() != info.parameters() {
            return Err(SafetensorsError::Length { expected: info.parameters(), found: parameters.len() });
        }
        let file = SafeTensors::deserialize(bytes)?;
        let found = self.found(&file)?;
        let wanted = self.wanted(info, &found)?;
        let mut filled = Vec::with_capacity(wanted.len());
        for Wanted { name, range, layout, adds } in &wanted {
            let Some(Found { name, view }) = found.get(name) else {
                let found = found.values().map(|found| found.name.clone()).collect();
                return Err(SafetensorsError::Missing { name: name.clone(), found });
            };
            if !matches!(view.dtype(), Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::F64) {
                return Err(SafetensorsError::Type { name: name.clone(), found: format!("{:?}", view.dtype()) });
            }
            let expected = layout.shape();
            if view.shape() != expected {
                return Err(SafetensorsError::Shape { name: name.clone(), expected, found: view.shape().to_vec() });
            }
            filled.push((range.clone(), *layout, view, *adds));
        }
        let is_wanted = |name: &String| wanted.iter().any(|wanted| wanted.name == *name);
        if let Some((_, extra)) = found.iter().find(|(name, _)| !is_wanted(name)) {
            return Err(SafetensorsError::Unexpected {
                name: extra.name.clone(),
                shape: extra.view.shape().to_vec(),
                expected: wanted.into_iter().map(|wanted| wanted.name).collect(),
            });
        }
        self.check_hyperparameters(bytes, info)?;
        for (range, layout, view, adds) in filled {
            for (index, parameter) in parameters.get_mut(range).unwrap_or(&mut []).iter_mut().enumerate() {
                if let Some(number) = numbers::at(view.dtype(), view.data(), layout.source(index)) {
                    *parameter = if adds { *parameter + number } else { number };
                }
            }
        }
        Ok(())
    }

    /// The tensors of the file, by their names without what a framework adds to them.
    fn found<'f>(&self, file: &SafeTensors<'f>) -> Result<BTreeMap<String, Found<'f>>, SafetensorsError> {
        let mut all: Vec<(String, TensorView<'f>)> = file.tensors();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut found: BTreeMap<String, Found<'f>> = BTreeMap::new();
        for (name, view) in all {
            if self.prefix.is_some_and(|prefix| !name.starts_with(prefix)) || name.ends_with("num_batches_tracked") {
                continue;
            }
            let key = name.strip_suffix(":0").unwrap_or(&name).to_string();
            if let Some(first) = found.get(&key) {
                return Err(SafetensorsError::Twice { names: [first.name.clone(), name] });
            }
            found.insert(key, Found { name, view });
        }
        Ok(found)
    }

    /// The network's tensors with the names that they have in the file.
    fn wanted(&self, info: &ModelInfo, found: &BTreeMap<String, Found<'_>>) -> Result<Vec<Wanted>, SafetensorsError> {
        let numbered = match self.convention {
            Convention::PyTorch if self.layers.is_empty() => self.numbered(info, found),
            _ => None,
        };
        let module_of = |tensor: &TensorInfo<'static>| {
            let renamed = |pairs: &[(&str, String)]| {
                pairs.iter().find(|(layer, _)| *layer == tensor.layer).map(|(_, module)| module.clone())
            };
            let given = self.layers.iter().find(|(layer, _)| *layer == tensor.layer);
            let layer = numbered.as_deref().and_then(renamed);
            layer.unwrap_or_else(|| given.map_or(tensor.layer, |(_, module)| module).to_string())
        };
        let mut wanted = Vec::with_capacity(info.tensors().len());
        // Layers that have the same module are its first, second …
        let mut modules: Vec<(&str, String)> = Vec::new();
        for tensor in info.tensors() {
            let module = module_of(tensor);
            if modules.iter().all(|(layer, _)| *layer != tensor.layer) {
                modules.push((tensor.layer, module.clone()));
            }
            let before = modules.iter().take_while(|(layer, _)| *layer != tensor.layer);
            let depth = before.filter(|(_, other)| *other == module).count();
            match self.convention {
                Convention::Keras => wanted.push(Wanted {
                    name: format!("{module}/{}", tensor.name),
                    range: tensor.range(),
                    layout: Layout::same(tensor),
                    adds: false,
                }),
                Convention::PyTorch => {
                    let unsupported =
                        || SafetensorsError::Unsupported { name: format!("{module}.{}", pytorch_name(tensor.name)) };
                    let pieces = pytorch_pieces(tensor, info, depth).ok_or_else(unsupported)?;
                    wanted.extend(pieces.into_iter().map(|Piece { name, range, layout, adds }| Wanted {
                        name: format!("{module}.{name}"),
                        range,
                        layout,
                        adds,
                    }));
                }
            }
        }
        let names: Vec<String> = wanted.iter().map(|wanted| wanted.name.clone()).collect();
        let prefix = match self.prefix {
            // The modules' names have it already.
            _ if numbered.is_some() => String::new(),
            Some(prefix) => prefix.to_string(),
            None => prefix_of(&names, found)?,
        };
        Ok(wanted.into_iter().map(|wanted| Wanted { name: format!("{prefix}{}", wanted.name), ..wanted }).collect())
    }

    /// Layers and their modules, if the names of all modules are numbers.
    fn numbered(&self, info: &ModelInfo, found: &BTreeMap<String, Found<'_>>) -> Option<Vec<(&'static str, String)>> {
        let mut modules: Vec<(u32, &str)> = Vec::new();
        let mut parent = None;
        for name in found.keys() {
            let (module, _) = name.rsplit_once('.')?;
            let (before, number) = module.rsplit_once('.').unwrap_or(("", module));
            if *parent.get_or_insert(before) != before {
                return None;
            }
            modules.push((number.parse().ok()?, module));
        }
        modules.sort_unstable();
        modules.dedup();
        let mut layers: Vec<&'static str> = info.tensors().iter().map(|tensor| tensor.layer).collect();
        layers.dedup();
        let pairs = layers.iter().zip(&modules).map(|(layer, (_, module))| (*layer, (*module).to_string()));
        (layers.len() == modules.len()).then(|| pairs.collect())
    }

    /// Whether the hyper-parameters that the file or the caller states are the network's.
    fn check_hyperparameters(&self, bytes: &[u8], info: &ModelInfo) -> Result<(), SafetensorsError> {
        let (_, metadata) = SafeTensors::read_metadata(bytes)?;
        let lines = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HYPERPARAMETERS));
        let lines: BTreeMap<&str, &str> =
            lines.map_or("", |lines| lines).lines().filter_map(|line| line.split_once('=')).collect();
        for AttributeInfo { owner, name, value } in info.attributes() {
            let file_name = self.layers.iter().find(|(layer, _)| layer == owner).map_or(*owner, |(_, module)| module);
            let (place, expected) = (format!("{owner}.{name}"), value.to_string());
            let said = lines.get(format!("{file_name}.{name}").as_str()).map(ToString::to_string);
            let stated = match *name {
                "epsilon" => {
                    let of_layer = self.epsilons.iter().find(|(layer, _)| layer == owner).map(|(_, epsilon)| *epsilon);
                    of_layer.or(self.epsilon).map(|epsilon| epsilon.to_string())
                }
                _ => None,
            };
            match said.or(stated) {
                Some(found) if is_same(value, &found) => {}
                Some(found) => return Err(SafetensorsError::Hyperparameter { name: place, expected, found }),
                None if *name == "epsilon" => return Err(SafetensorsError::Unstated { name: place, expected }),
                None => {}
            }
        }
        Ok(())
    }
}

/// Whether a text says the same value; numbers are compared as the `f32` that kernels compute with.
fn is_same(value: &AttributeValue<&str>, text: &str) -> bool {
    match value {
        AttributeValue::Number(number) => text.parse::<f64>().is_ok_and(|found| found as f32 == *number as f32),
        _ => value.to_string() == text,
    }
}

/// The text before all names, if it is the same for all.
fn prefix_of(names: &[String], found: &BTreeMap<String, Found<'_>>) -> Result<String, SafetensorsError> {
    let Some(first) = names.first() else { return Ok(String::new()) };
    let starts = found.keys().filter_map(|name| name.strip_suffix(first.as_str()));
    let is_whole = |prefix: &&str| prefix.is_empty() || prefix.ends_with(['/', '.']);
    let has_all = |prefix: &&str| names.iter().all(|name| found.contains_key(&format!("{prefix}{name}")));
    let mut prefixes: Vec<&str> = starts.filter(is_whole).filter(has_all).collect();
    prefixes.sort_unstable();
    match prefixes[..] {
        [] => Ok(String::new()),
        [prefix] => Ok(prefix.to_string()),
        _ => Err(SafetensorsError::Prefixes { found: prefixes.into_iter().map(|p| format!("{p:?}")).collect() }),
    }
}
