//! Expressions and scripts in ECMAScript.
//!
//! # Model
//!
//! An instance's variables are plain data in its session. Each thread has an interpreter; for an evaluation the variables
//! become its globals, and afterwards they are taken back and removed, so that nothing is left of one instance when the next
//! one comes. What the language comes with is frozen when an interpreter is made, and what would differ between runs
//! (`Date`, `Math.random`, weak references) is struck out. Promises are never kept: nobody runs their jobs.
//!
//! # Invariants
//!
//! 1. What an evaluation gives is a function of the session, the event and the active states.
//! 2. Loops, recursion and the nesting of data have limits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use boa_engine::job::IdleJobExecutor;
use boa_engine::object::JsObject;
use boa_engine::object::builtins::JsArray;
use boa_engine::property::{PropertyDescriptor, PropertyKey};
use boa_engine::value::JsVariant;
use boa_engine::{Context, JsError, JsNativeError, JsResult, JsString, JsValue, NativeFunction, Source};

use super::event;
use super::expression::{ECMA_VALUE, Scope};
use super::value::ScxmlValue;

const LOOP_MAX: u64 = 100_000;
const RECURSION_MAX: usize = 256;
/// How deep data may be nested; what leads back to itself is deeper than any.
const DEPTH_MAX: usize = 64;
/// How many scripts a thread keeps compiled.
const COMPILED_MAX: usize = 4_096;

/// The global that holds the text of a script.
const SOURCE: &str = "__source";

/// Freezes all that can be reached, and strikes out what differs between runs.
const HARDEN: &str = "(function () {
    'use strict';
    const seen = new Set([globalThis]);
    const freeze = (thing) => {
        if (thing === null || (typeof thing !== 'object' && typeof thing !== 'function') || seen.has(thing)) return;
        seen.add(thing);
        Object.freeze(thing);
        for (const key of Reflect.ownKeys(thing)) {
            const property = Object.getOwnPropertyDescriptor(thing, key);
            freeze(property.value);
            freeze(property.get);
            freeze(property.set);
        }
        freeze(Object.getPrototypeOf(thing));
    };
    delete Math.random;
    for (const name of ['Date', 'WeakRef', 'FinalizationRegistry']) delete globalThis[name];
    const hidden = [function* () {}, async function () {}, async function* () {}, [][Symbol.iterator](), ''[Symbol.iterator](),
        new Map().entries(), new Set().values(), (function* () {})(), /x/[Symbol.matchAll]('x')];
    hidden.forEach(freeze);
    freeze(Object.getPrototypeOf(globalThis));
    for (const name of Reflect.ownKeys(globalThis)) {
        const property = Object.getOwnPropertyDescriptor(globalThis, name);
        freeze(property.value);
        if (property.configurable) Object.defineProperty(globalThis, name, { writable: false, configurable: false });
    }
})()";

/// What variables hold after a script, by name.
type Changes = Vec<(Arc<str>, ScxmlValue)>;

/// A piece of ECMAScript that was checked; each thread compiles it when it first runs it.
#[derive(Clone, Debug)]
pub(super) struct Script {
    id: u64,
    code: Arc<str>,
    /// The text that is handed to `eval`, so that its variables can be removed.
    program: Option<Arc<str>>,
}

impl Script {
    /// An expression.
    pub(super) fn expression(text: &str) -> Result<Self, String> {
        // As engines do that take the text for a statement.
        let text = text.trim_end().trim_end_matches(';');
        Self::checked(format!("({text}\n)"), None)
    }

    /// An assignment of [`ECMA_VALUE`] to a place, which must be there.
    pub(super) fn assignment(location: &str) -> Result<Self, String> {
        Self::checked(format!("'use strict'; ({location}) = {ECMA_VALUE};"), None)
    }

    /// Statements. As a block, so that what they declare with `let` and `const` ends with them.
    pub(super) fn program(text: &str) -> Result<Self, String> {
        let block = format!("{{{text}\n}}");
        Self::checked(block.clone(), None)?;
        Self::checked(format!("(0, eval)({SOURCE})"), Some(block.into()))
    }

    fn checked(code: String, program: Option<Arc<str>>) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        with_engine(|engine| engine.parse(&code).map(drop))?;
        Ok(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), code: code.into(), program })
    }

    /// Evaluates it. What it does to variables is lost.
    pub(super) fn value(&self, scope: &Scope<'_>) -> Result<ScxmlValue, String> {
        with_engine(|engine| {
            let value = engine.load(self, scope, None).and_then(|()| engine.evaluate(self)).and_then(|value| engine.plain(&value, 0));
            engine.clear();
            value
        })
    }

    /// Runs it. Gives the variables that it changed, and whether it failed.
    pub(super) fn run(&self, scope: &Scope<'_>, value: Option<ScxmlValue>) -> (Changes, Result<(), String>) {
        with_engine(|engine| {
            let result = engine.load(self, scope, value).and_then(|()| engine.evaluate(self).map(drop));
            let (changes, unkept) = engine.changes(scope);
            engine.clear();
            (changes, result.and(unkept))
        })
    }

    /// Whether it may look at a variable: by its name, or in a way that cannot be told.
    fn sees(&self, name: &str) -> bool {
        const OPAQUE: [&str; 4] = ["this", "eval", "unction", "\\u"];
        self.program.is_some() || self.code.contains(name) || OPAQUE.iter().any(|word| self.code.contains(word))
    }
}

thread_local! {
    /// Not dropped when the thread ends: the collector of what it holds may be gone by then. That frees what it collects
    /// by itself.
    static ENGINE: Cell<Option<ManuallyDrop<Box<Engine>>>> = const { Cell::new(None) };
    /// The active states, for `In`.
    static ACTIVE: RefCell<Vec<Arc<str>>> = const { RefCell::new(Vec::new()) };
}

/// Lends the thread's interpreter. One that is in the hands of a panic is not seen again.
fn with_engine<T>(work: impl FnOnce(&mut Engine) -> T) -> T {
    let mut engine = ENGINE.take().map_or_else(|| Box::new(Engine::new()), ManuallyDrop::into_inner);
    let result = work(&mut engine);
    ENGINE.set(Some(ManuallyDrop::new(engine)));
    result
}

/// A thread's interpreter.
struct Engine {
    context: Context,
    /// The names of the globals that the language comes with.
    own: BTreeSet<String>,
    compiled: BTreeMap<u64, boa_engine::Script>,
}

/// `In(id)`.
fn is_in(_: &JsValue, arguments: &[JsValue], context: &mut Context) -> JsResult<JsValue> {
    let id = arguments.first().cloned().unwrap_or_default().to_string(context)?.to_std_string_lossy();
    Ok(ACTIVE.with_borrow(|active| active.iter().any(|state| **state == *id)).into())
}

impl Engine {
    fn new() -> Self {
        let mut context = Context::builder()
            .job_executor(Rc::new(IdleJobExecutor))
            .build()
            .expect("invariant: a context without settings that could be wrong");
        context
            .register_global_callable(JsString::from("In"), 1, NativeFunction::from_fn_ptr(is_in))
            .expect("invariant: there is no such global yet");
        context.eval(Source::from_bytes(HARDEN)).expect("invariant: the text above runs");
        let limits = context.runtime_limits_mut();
        limits.set_loop_iteration_limit(LOOP_MAX);
        limits.set_recursion_limit(RECURSION_MAX);
        let mut engine = Self { context, own: BTreeSet::new(), compiled: BTreeMap::new() };
        engine.own = engine.globals().into_iter().filter_map(|key| text_of(&key)).collect();
        engine
    }

    fn globals(&mut self) -> Vec<PropertyKey> {
        self.context.global_object().own_property_keys(&mut self.context).unwrap_or_default()
    }

    fn parse(&mut self, code: &str) -> Result<boa_engine::Script, String> {
        boa_engine::Script::parse(Source::from_bytes(code), None, &mut self.context).map_err(|error| self.reason(error))
    }

    fn reason(&mut self, error: JsError) -> String {
        match error.try_native(&mut self.context) {
            Ok(native) => native.to_string(),
            Err(_) => error.to_string(),
        }
    }

    /// Makes globals of what the script may look at.
    fn load(&mut self, script: &Script, scope: &Scope<'_>, value: Option<ScxmlValue>) -> Result<(), String> {
        let is_function = |value: &Option<&ScxmlValue>| matches!(value, Some(ScxmlValue::Function(_)));
        let calls = scope.session.all().any(|(_, value)| is_function(&value));
        for (name, value) in scope.session.all().filter(|(name, _)| calls || script.sees(name)) {
            let value = value.map_or(Ok(JsValue::undefined()), |value| self.global(value))?;
            self.define(name, value, true)?;
        }
        let system: [(&str, &dyn Fn() -> ScxmlValue); 4] = [
            ("_event", &|| event::record(scope.trigger, scope.names)),
            ("_sessionid", &|| scope.session.id.clone().into()),
            ("_name", &|| scope.session.name.clone().into()),
            ("_ioprocessors", &|| scope.session.processors()),
        ];
        for (name, value) in system.into_iter().filter(|(name, _)| calls || script.sees(name)) {
            let value = self.global(&value())?;
            self.define(name, value, false)?;
        }
        if calls || script.sees("In") {
            let active = scope.states.iter().map(|state| Arc::from(state.as_str())).filter(|state| (scope.is_in)(state));
            ACTIVE.set(active.collect());
        }
        if let Some(value) = value {
            let value = self.global(&value)?;
            self.define(ECMA_VALUE, value, true)?;
        }
        match &script.program {
            Some(text) => self.define(SOURCE, JsString::from(&**text).into(), true),
            None => Ok(()),
        }
    }

    fn define(&mut self, name: &str, value: JsValue, writable: bool) -> Result<(), String> {
        let property = PropertyDescriptor::builder().value(value).writable(writable).enumerable(true).configurable(true);
        let defined = self.context.global_object().define_property_or_throw(JsString::from(name), property, &mut self.context);
        defined.map(drop).map_err(|error| format!("`{name}` cannot be a variable: {}", self.reason(error)))
    }

    fn evaluate(&mut self, script: &Script) -> Result<JsValue, String> {
        let compiled = match self.compiled.get(&script.id) {
            Some(compiled) => compiled.clone(),
            None => {
                if self.compiled.len() >= COMPILED_MAX {
                    self.compiled.clear();
                }
                let compiled = self.parse(&script.code)?;
                self.compiled.insert(script.id, compiled.clone());
                compiled
            }
        };
        compiled.evaluate(&mut self.context).map_err(|error| self.reason(error))
    }

    /// What variables hold now that did not before. What cannot be kept keeps its old value, and is told.
    fn changes(&mut self, scope: &Scope<'_>) -> (Changes, Result<(), String>) {
        let mut changes = Vec::new();
        let mut unkept = Ok(());
        for name in self.globals().iter().filter_map(text_of).filter(|name| is_variable(name)) {
            if self.own.contains(&name) {
                continue;
            }
            let global = self.context.global_object().get(JsString::from(&*name), &mut self.context);
            let value = global.map_err(|error| self.reason(error)).and_then(|value| self.plain(&value, 0));
            match value {
                Ok(value) if *scope.session.get(&name).unwrap_or(&ScxmlValue::Undefined) != value => changes.push((name.into(), value)),
                Ok(_) => {}
                Err(reason) => unkept = unkept.and(Err(format!("`{name}` cannot be kept: {reason}"))),
            }
        }
        (changes, unkept)
    }

    /// Removes all globals that are not the language's.
    fn clear(&mut self) {
        for key in self.globals() {
            if text_of(&key).is_none_or(|name| !self.own.contains(&name)) {
                // What cannot be deleted is the language's.
                let _ = self.context.global_object().delete_property_or_throw(key, &mut self.context);
            }
        }
        ACTIVE.take();
    }

    /// A value of the interpreter's.
    fn global(&mut self, value: &ScxmlValue) -> Result<JsValue, String> {
        Ok(match value {
            ScxmlValue::Undefined => JsValue::undefined(),
            ScxmlValue::Null => JsValue::null(),
            ScxmlValue::Bool(value) => (*value).into(),
            ScxmlValue::Integer(value) => (*value as f64).into(),
            ScxmlValue::Number(number) => number.0.into(),
            ScxmlValue::Text(text) => JsString::from(&**text).into(),
            ScxmlValue::List(values) => {
                let values = values.iter().map(|value| self.global(value)).collect::<Result<Vec<_>, _>>()?;
                JsArray::from_iter(values, &mut self.context).into()
            }
            ScxmlValue::Record(fields) => {
                let record = JsObject::with_object_proto(self.context.intrinsics());
                for (name, value) in fields {
                    let value = self.global(value)?;
                    let put = record.create_data_property_or_throw(JsString::from(&**name), value, &mut self.context);
                    put.map_err(|error| self.reason(error))?;
                }
                record.into()
            }
            ScxmlValue::Function(source) => {
                let function = self.context.eval(Source::from_bytes(&format!("({source}\n)")));
                function.map_err(|error| format!("a function cannot be made from its source `{source}`: {}", self.reason(error)))?
            }
        })
    }

    /// A value as plain data.
    fn plain(&mut self, value: &JsValue, depth: usize) -> Result<ScxmlValue, String> {
        Ok(match value.variant() {
            JsVariant::Undefined => ScxmlValue::Undefined,
            JsVariant::Null => ScxmlValue::Null,
            JsVariant::Boolean(value) => value.into(),
            JsVariant::Integer32(value) => i64::from(value).into(),
            JsVariant::Float64(value) => value.into(),
            JsVariant::String(text) => plain_text(&text)?.as_str().into(),
            JsVariant::BigInt(_) => return Err("a big integer is no plain data".to_owned()),
            JsVariant::Symbol(_) => return Err("a symbol is no plain data".to_owned()),
            JsVariant::Object(_) if depth >= DEPTH_MAX => return Err(format!("it is nested deeper than {DEPTH_MAX}, or in a circle")),
            JsVariant::Object(object) => self.plain_object(&object, depth + 1).map_err(|error| match error {
                Unkept::Thrown(error) => self.reason(error),
                Unkept::Other(reason) => reason,
            })?,
        })
    }

    fn plain_object(&mut self, object: &JsObject, depth: usize) -> Result<ScxmlValue, Unkept> {
        if object.is_callable() {
            let source = object.get(JsString::from("toString"), &mut self.context)?;
            let source = source.as_callable().ok_or_else(|| JsNativeError::typ().with_message("a function without source"))?;
            let text = source.call(&object.clone().into(), &[], &mut self.context)?.to_string(&mut self.context)?;
            let text = plain_text(&text).map_err(Unkept::Other)?;
            if text.contains("[native code]") {
                return Err(Unkept::Other("a function without source is no plain data".to_owned()));
            }
            return Ok(ScxmlValue::Function(text.into()));
        }
        if object.is_array() {
            let length = object.get(JsString::from("length"), &mut self.context)?.to_length(&mut self.context)?;
            if length > LOOP_MAX {
                return Err(Unkept::Other(format!("a list of more than {LOOP_MAX} elements")));
            }
            let mut values = Vec::new();
            for at in 0..length {
                let value = object.get(at, &mut self.context)?;
                values.push(self.plain(&value, depth).map_err(Unkept::Other)?);
            }
            return Ok(ScxmlValue::List(values));
        }
        if !object.is_ordinary() {
            return Err(Unkept::Other("it is neither a list nor a plain object".to_owned()));
        }
        let mut fields = Vec::new();
        for key in object.own_property_keys(&mut self.context)? {
            if let Some(name) = text_of(&key) {
                let value = object.get(key, &mut self.context)?;
                fields.push((name, self.plain(&value, depth).map_err(Unkept::Other)?));
            }
        }
        Ok(ScxmlValue::record(fields))
    }
}

/// Why a value is no plain data.
enum Unkept {
    Thrown(JsError),
    Other(String),
}

impl From<JsError> for Unkept {
    fn from(error: JsError) -> Self {
        Self::Thrown(error)
    }
}

impl From<JsNativeError> for Unkept {
    fn from(error: JsNativeError) -> Self {
        Self::Thrown(error.into())
    }
}

fn plain_text(text: &JsString) -> Result<String, String> {
    text.to_std_string().map_err(|_| "text with half of a surrogate pair is no plain data".to_owned())
}

/// A key as text; symbols have none.
fn text_of(key: &PropertyKey) -> Option<String> {
    match key {
        PropertyKey::String(name) => Some(name.to_std_string_lossy()),
        PropertyKey::Index(at) => Some(at.get().to_string()),
        PropertyKey::Symbol(_) => None,
    }
}

fn is_variable(name: &str) -> bool {
    !["_event", "_sessionid", "_name", "_ioprocessors", ECMA_VALUE, SOURCE].contains(&name)
}
