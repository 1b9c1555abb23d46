//! Charted actors as they are kept in snapshots (feature `serde`).

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{ChartActor, Charted, Charting};
use crate::statechart::Configuration;

impl<C: ChartActor + Serialize> Serialize for Charted<C>
where
    C::Event: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut charted = serializer.serialize_struct("Charted", 2)?;
        charted.serialize_field("context", &self.context)?;
        charted.serialize_field("configuration", &self.configuration)?;
        charted.end()
    }
}

/// What is read.
#[derive(serde::Deserialize)]
#[serde(rename = "Charted", bound(deserialize = "C: Deserialize<'de>, Configuration<Charting<C>>: Deserialize<'de>"))]
struct Read<C: ChartActor> {
    context: C,
    configuration: Configuration<Charting<C>>,
}

/// Goes on as [`Charted::resume`] says.
impl<'de, C: ChartActor + Deserialize<'de>> Deserialize<'de> for Charted<C>
where
    C::Event: Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = Read::<C>::deserialize(deserializer)?;
        Ok(Self::resume(read.context, read.configuration))
    }
}
