//! Map states: `ItemProcessor`, items, limits, and what only distributed maps have.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Parser;
use super::expressions::{NumberBounds, looks_embedded};
use super::fields::Fields;
use crate::program::{
    Distributed, ExecutionType, ItemBatcher, ItemReader, Items, Kind, MapMode, MapState, QueryLanguage,
    ResultWriter, StateId, WorkflowId,
};

const MAX_ITEMS: u64 = 100_000_000;

impl Parser {
    pub(super) fn map(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
        id: (WorkflowId, StateId),
    ) -> Option<Kind> {
        self.exclusive(fields, &["ItemProcessor", "Iterator"]);
        if !fields.has("ItemProcessor") && !fields.has("Iterator") {
            let message =
                "The object must have at least one of the following fields: [ItemProcessor, Iterator]";
            self.error(&fields.pointer, message);
        }
        let items = self.items(fields, language);
        let selector = self.selector(fields, language);
        let whole = NumberBounds::Whole { least: 0, most: u64::from(u32::MAX) };
        let max_concurrency = self.number(fields, "MaxConcurrency", language, whole);
        let tolerated_count = self.number(fields, "ToleratedFailureCount", language, whole);
        let tolerated_percentage =
            self.number(fields, "ToleratedFailurePercentage", language, NumberBounds::Percentage);
        let name = if fields.has("ItemProcessor") { "ItemProcessor" } else { "Iterator" };
        let pointer = fields.at(name);
        let object = self.object(fields, name)?;
        let mut processor_fields = Fields::new(object, pointer);
        self.string(&mut processor_fields, "Comment");
        let distributed = self.processor_config(&mut processor_fields);
        let processor = self.workflow(&mut processor_fields, Some(id));
        self.refuse_others(&processor_fields);
        let mode = match distributed {
            None => {
                for field in ["ItemReader", "ItemBatcher", "ResultWriter", "Label"] {
                    if fields.take(field).is_some() {
                        self.error(&fields.pointer, format!("Field '{field}' is not supported"));
                    }
                }
                MapMode::Inline
            }
            Some(execution_type) => {
                MapMode::Distributed(Box::new(self.distributed(fields, language, execution_type)))
            }
        };
        let processor = processor?;
        Some(Kind::Map(Box::new(MapState {
            processor,
            mode,
            items,
            selector,
            max_concurrency,
            tolerated_count,
            tolerated_percentage,
        })))
    }

    fn items(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Items {
        match language {
            QueryLanguage::JsonPath => {
                if fields.take("Items").is_some() {
                    self.only_jsonata(&fields.pointer.clone(), "Items");
                }
                if !fields.has("ItemsPath") {
                    return Items::Input;
                }
                self.reference_path(fields, "ItemsPath").map_or(Items::Input, Items::Path)
            }
            QueryLanguage::Jsonata => {
                if fields.take("ItemsPath").is_some() {
                    self.only_json_path(&fields.pointer.clone(), "ItemsPath");
                }
                let location = fields.at("Items");
                let Some(value) = fields.take("Items") else { return Items::Input };
                let fits = match value {
                    Value::Array(_) | Value::Object(_) => true,
                    Value::String(text) => looks_embedded(text),
                    _ => false,
                };
                if !fits {
                    self.error(&location, "Value must be an array, an object or a JSONata expression");
                    return Items::Input;
                }
                self.template_of(value, "Items", &location, language).map_or(Items::Input, Items::Template)
            }
        }
    }

    fn selector(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
    ) -> Option<crate::program::Template> {
        if language == QueryLanguage::JsonPath {
            self.exclusive(fields, &["Parameters", "ItemSelector"]);
            if let Some(parameters) = self.template(fields, "Parameters", language) {
                fields.take("ItemSelector");
                return Some(parameters);
            }
        }
        self.template(fields, "ItemSelector", language)
    }

    /// `ProcessorConfig`: the execution type of a distributed map, or nothing for an inline one.
    fn processor_config(&mut self, fields: &mut Fields<'_>) -> Option<ExecutionType> {
        let pointer = fields.at("ProcessorConfig");
        let object = self.object(fields, "ProcessorConfig")?;
        let mut config = Fields::new(object, pointer);
        let mode = self.choice(&mut config, "Mode", &["INLINE", "DISTRIBUTED"]);
        if mode != Some("DISTRIBUTED") {
            self.refuse_others(&config);
            return None;
        }
        self.require(&config, &["ExecutionType"]);
        let execution_type = self.choice(&mut config, "ExecutionType", &["STANDARD", "EXPRESS"]);
        self.refuse_others(&config);
        if self.execution_type == ExecutionType::Express {
            self.error(
                &config.at("Mode"),
                "Express state machine does not support Map state in DISTRIBUTED mode",
            );
        }
        Some(if execution_type == Some("EXPRESS") { ExecutionType::Express } else { ExecutionType::Standard })
    }

    fn distributed(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
        execution_type: ExecutionType,
    ) -> Distributed {
        let label = self.string(fields, "Label");
        if let Some(label) = &label {
            let location = fields.at("Label");
            if label.chars().count() > 40 {
                self.error(
                    &location,
                    format!("Label '{label}' exceeds the 40-character limit allowed by the service"),
                );
            }
            if label.is_empty()
                || label.contains(|c: char| c.is_whitespace() || "?*<>{}[]:;,\\|^~$#%&`\"".contains(c))
            {
                self.error(&location, format!("Label '{label}' is invalid"));
            }
        }
        let reader = self.reader(fields, language);
        if reader.is_some() && language == QueryLanguage::Jsonata && fields.has("Items") {
            let message = "There should only be one of the following fields: [Items, ItemReader]";
            self.error(&fields.pointer, message);
        }
        let batcher = self.batcher(fields, language);
        let writer = self.writer(fields, language);
        Distributed { execution_type, label: label.map(Arc::from), reader, batcher, writer }
    }

    fn reader(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Option<ItemReader> {
        let pointer = fields.at("ItemReader");
        let object = self.object(fields, "ItemReader")?;
        let mut reader = Fields::new(object, pointer);
        self.require(&reader, &["Resource"]);
        let resource = self.resource(&mut reader, &["s3:getObject", "s3:listObjectsV2"]);
        let parameters = self.parameters(&mut reader, language);
        let (mut config, mut max_items) = (Map::new(), None);
        let config_pointer = reader.at("ReaderConfig");
        if let Some(object) = self.object(&mut reader, "ReaderConfig") {
            let mut fields = Fields::new(object, config_pointer);
            let bounds = NumberBounds::Whole { least: 0, most: MAX_ITEMS };
            max_items = self.number(&mut fields, "MaxItems", language, bounds);
            self.reader_config(&mut fields);
            self.refuse_others(&fields);
            config.clone_from(object);
            config.retain(|name, _| !matches!(name.as_str(), "MaxItems" | "MaxItemsPath"));
        }
        self.refuse_others(&reader);
        Some(ItemReader { resource: resource?, parameters, config, max_items })
    }

    fn reader_config(&mut self, config: &mut Fields<'_>) {
        let kinds = ["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"];
        let input = self.choice(config, "InputType", &kinds);
        match input {
            Some("CSV") => {
                if !config.has("CSVHeaderLocation") {
                    self.error(&config.pointer, "The field 'CSVHeaderLocation' is required");
                }
                let header = self.choice(config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
                if header == Some("GIVEN") {
                    self.require(config, &["CSVHeaders"]);
                }
                self.array(config, "CSVHeaders");
                self.choice(config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]);
            }
            Some("MANIFEST") => {
                self.choice(config, "ManifestType", &["S3_INVENTORY", "ATHENA_DATA"]);
            }
            _ => {}
        }
        self.choice(config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
        self.string(config, "ItemsPointer");
    }

    fn batcher(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Option<ItemBatcher> {
        let pointer = fields.at("ItemBatcher");
        let object = self.object(fields, "ItemBatcher")?;
        let mut batcher = Fields::new(object, pointer);
        let bounds = NumberBounds::Whole { least: 0, most: MAX_ITEMS };
        let max_items = self.number(&mut batcher, "MaxItemsPerBatch", language, bounds);
        let bytes = NumberBounds::Whole { least: 0, most: crate::MAX_PAYLOAD_BYTES as u64 };
        let max_bytes = self.number(&mut batcher, "MaxInputBytesPerBatch", language, bytes);
        let input = self.template(&mut batcher, "BatchInput", language);
        if max_items.is_none() && max_bytes.is_none() {
            let message = "The object must have at least one of the following fields: [MaxItemsPerBatch, \
                           MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath]";
            self.error(&batcher.pointer, message);
        }
        self.refuse_others(&batcher);
        Some(ItemBatcher { max_items, max_bytes, input })
    }

    fn writer(&mut self, fields: &mut Fields<'_>, language: QueryLanguage) -> Option<ResultWriter> {
        let pointer = fields.at("ResultWriter");
        let object = self.object(fields, "ResultWriter")?;
        let mut writer = Fields::new(object, pointer);
        let resource = self.resource(&mut writer, &["s3:putObject"]);
        let parameters = self.parameters(&mut writer, language);
        let config_pointer = writer.at("WriterConfig");
        let config = self.object(&mut writer, "WriterConfig").cloned().unwrap_or_default();
        let mut config_fields = Fields::new(&config, config_pointer);
        self.choice(&mut config_fields, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
        self.choice(&mut config_fields, "OutputType", &["JSON", "JSONL"]);
        self.refuse_others(&config_fields);
        if resource.is_none() && !writer.has("WriterConfig") {
            self.require(&writer, &["Resource"]);
        }
        self.refuse_others(&writer);
        Some(ResultWriter { resource, parameters, config })
    }

    fn parameters(
        &mut self,
        fields: &mut Fields<'_>,
        language: QueryLanguage,
    ) -> Option<crate::program::Template> {
        match language {
            QueryLanguage::JsonPath => {
                if fields.take("Arguments").is_some() {
                    self.only_jsonata(&fields.pointer.clone(), "Arguments");
                }
                self.template(fields, "Parameters", language)
            }
            QueryLanguage::Jsonata => {
                if fields.take("Parameters").is_some() {
                    self.only_json_path(&fields.pointer.clone(), "Parameters");
                }
                self.template(fields, "Arguments", language)
            }
        }
    }

    /// A service action out of a fixed set.
    fn resource(&mut self, fields: &mut Fields<'_>, actions: &[&str]) -> Option<Arc<str>> {
        let resource = self.string(fields, "Resource")?;
        let known = resource
            .strip_prefix("arn:")
            .and_then(|rest| rest.split_once(":states:::"))
            .is_some_and(|(_, action)| actions.contains(&action));
        if !known {
            let location = fields.at("Resource");
            self.error(&location, "The field 'Resource' does not match any of the allowed values");
        }
        known.then(|| Arc::from(resource))
    }
}
