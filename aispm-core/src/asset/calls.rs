//! Calls to models and tools as logs and traces record them, counted by asset and hour, so that memory grows with what
//! there is and not with how often it was called.

use std::collections::BTreeMap;

use super::{AssetId, Evidence, hour};

/// Most hours kept of an asset: more than a year.
const HOURS_LIMIT: usize = 24 * 400;
/// Most values kept of one aspect of an asset's calls; what has more is no habit.
const VALUES_LIMIT: usize = 256;
/// Most tools kept of an asset, and most places where one was called dangerously.
const TOOLS_LIMIT: usize = 1024;
const PLACES_LIMIT: usize = 20;

/// What may be unusual of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aspect {
    /// Who calls.
    Caller,
    /// The provider's region.
    Region,
    /// The model that is asked.
    Model,
    /// The program that calls, without its version.
    UserAgent,
}

/// One call to a model.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ModelCall<'a> {
    pub(crate) time: Option<&'a str>,
    pub(crate) caller: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) model: Option<&'a str>,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) tokens: u64,
    pub(crate) failed: bool,
    pub(crate) millis: Option<u64>,
}

/// The calls of all assets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct CallLog {
    pub(crate) assets: BTreeMap<AssetId, Calls>,
}

/// The calls of one asset.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Calls {
    /// By hour, see [`hour`].
    pub(crate) hours: BTreeMap<i64, Hour>,
    /// The values of each aspect.
    pub(crate) values: BTreeMap<Aspect, BTreeMap<String, Seen>>,
    /// Names of the tools that were called, and how often.
    pub(crate) tools: BTreeMap<String, u64>,
    /// Where a tool was called with arguments that do harm, and how often that was.
    pub(crate) dangerous: Vec<Evidence>,
    pub(crate) dangerous_calls: u64,
    /// One place where any of this was recorded.
    pub(crate) place: Option<Evidence>,
}

/// The calls of an hour.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Hour {
    pub(crate) calls: u64,
    pub(crate) tokens: u64,
    pub(crate) failed: u64,
    /// Calls whose duration is known, and their durations together.
    pub(crate) timed: u64,
    pub(crate) millis: u64,
    /// One of them.
    pub(crate) evidence: Evidence,
}

/// When a value was first seen, and where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) first: i64,
    pub(crate) evidence: Evidence,
}

impl CallLog {
    /// Counts a call of or to an asset; one without a time counts nowhere. O(log n).
    pub(crate) fn record(&mut self, asset: &str, call: ModelCall<'_>, evidence: &Evidence) {
        let Some(at) = call.time.and_then(hour) else { return };
        let calls = self.at(asset, evidence);
        calls.count(
            at,
            Hour {
                calls: 1,
                tokens: call.tokens,
                failed: call.failed.into(),
                timed: call.millis.is_some().into(),
                millis: call.millis.unwrap_or(0),
                evidence: evidence.clone(),
            },
        );
        // versions change with every update
        let agent = call.user_agent.and_then(|agent| agent.split(['/', ' ']).find(|word| !word.is_empty()));
        for (aspect, value) in [
            (Aspect::Caller, call.caller),
            (Aspect::Region, call.region),
            (Aspect::Model, call.model),
            (Aspect::UserAgent, agent),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                calls.see(aspect, value, Seen { first: at, evidence: evidence.clone() });
            }
        }
    }

    /// Counts a call to a tool; `dangerous` says what is wrong with its arguments.
    pub(crate) fn tool(&mut self, asset: &str, tool: &str, dangerous: Option<&str>, evidence: &Evidence) {
        let calls = self.at(asset, evidence);
        calls.call(tool, 1);
        if let Some(reason) = dangerous {
            calls.dangerous_calls += 1;
            calls.endanger(evidence.clone().excerpt(format!("{tool}: {reason}")));
        }
    }

    fn at(&mut self, asset: &str, evidence: &Evidence) -> &mut Calls {
        let calls = self.assets.entry(AssetId::from(asset)).or_default();
        calls.place.get_or_insert_with(|| evidence.clone());
        calls
    }

    /// Adds the calls that another log holds.
    pub(crate) fn extend(&mut self, other: Self) {
        for (asset, more) in other.assets {
            let calls = self.assets.entry(asset).or_default();
            more.hours.into_iter().for_each(|(at, hour)| calls.count(at, hour));
            for (aspect, values) in more.values {
                values.into_iter().for_each(|(value, seen)| calls.see(aspect, &value, seen));
            }
            more.tools.into_iter().for_each(|(tool, count)| calls.call(&tool, count));
            calls.dangerous_calls += more.dangerous_calls;
            calls.place = calls.place.take().or(more.place);
            more.dangerous.into_iter().for_each(|place| calls.endanger(place));
        }
    }

    /// Gives assets other ids.
    pub(crate) fn rename(&mut self, other: impl Fn(&AssetId, &Calls) -> Option<AssetId>) {
        for (asset, calls) in std::mem::take(&mut self.assets) {
            let asset = other(&asset, &calls).unwrap_or(asset);
            self.extend(Self { assets: BTreeMap::from([(asset, calls)]) });
        }
    }
}

impl Calls {
    fn count(&mut self, at: i64, more: Hour) {
        if self.hours.len() >= HOURS_LIMIT && !self.hours.contains_key(&at) {
            return;
        }
        let hour = self.hours.entry(at).or_insert_with(|| Hour { evidence: more.evidence, ..Hour::default() });
        for (sum, more) in [
            (&mut hour.calls, more.calls),
            (&mut hour.tokens, more.tokens),
            (&mut hour.failed, more.failed),
            (&mut hour.timed, more.timed),
            (&mut hour.millis, more.millis),
        ] {
            *sum = sum.saturating_add(more);
        }
    }

    fn see(&mut self, aspect: Aspect, value: &str, seen: Seen) {
        let values = self.values.entry(aspect).or_default();
        if let Some(known) = values.get_mut(value) {
            if seen.first < known.first {
                *known = seen;
            }
        } else if values.len() < VALUES_LIMIT {
            values.insert(value.to_owned(), seen);
        }
    }

    /// The values of an aspect, unless there are too many to be a habit.
    pub(crate) fn habits(&self, aspect: Aspect) -> Option<&BTreeMap<String, Seen>> {
        self.values.get(&aspect).filter(|values| values.len() < VALUES_LIMIT)
    }

    fn call(&mut self, tool: &str, times: u64) {
        if self.tools.len() < TOOLS_LIMIT || self.tools.contains_key(tool) {
            let count = self.tools.entry(tool.to_owned()).or_default();
            *count = count.saturating_add(times);
        }
    }

    fn endanger(&mut self, place: Evidence) {
        if self.dangerous.len() < PLACES_LIMIT {
            self.dangerous.push(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(time: &str, region: &'static str) -> CallLog {
        let mut log = CallLog::default();
        let call = ModelCall {
            time: Some(time),
            region: Some(region),
            user_agent: Some("Boto3/1.34 md/x"),
            tokens: 5,
            millis: Some(20),
            ..ModelCall::default()
        };
        log.record("a", call, &Evidence::file("f"));
        log
    }

    #[test]
    fn logs_add_up_in_any_order() {
        let parts = [
            call("2026-01-01T10:05:00Z", "eu"),
            call("2026-01-01T10:59:00Z", "us"),
            call("2026-01-01T09:00:00Z", "us"),
        ];
        let (mut one, mut other) = (CallLog::default(), CallLog::default());
        parts.iter().for_each(|part| one.extend(part.clone()));
        parts.iter().rev().for_each(|part| other.extend(part.clone()));
        assert_eq!(one, other);
        let calls = &one.assets["a"];
        let hours: Vec<_> =
            calls.hours.values().map(|hour| (hour.calls, hour.tokens, hour.timed, hour.millis)).collect();
        assert_eq!(hours, [(1, 5, 1, 20), (2, 10, 2, 40)]);
        let regions = calls.habits(Aspect::Region).unwrap();
        assert_eq!(regions["eu"].first - regions["us"].first, 1);
        assert_eq!(calls.habits(Aspect::UserAgent).unwrap().keys().collect::<Vec<_>>(), ["Boto3"]);
        assert_eq!(calls.habits(Aspect::Model), None);
    }

    #[test]
    fn renamed_assets_join_and_limits_hold() {
        let mut log = CallLog::default();
        for i in 0..VALUES_LIMIT + 9 {
            let caller = i.to_string();
            let call = ModelCall { time: Some("2026-01-01T10"), caller: Some(&caller), ..ModelCall::default() };
            log.record(if i % 2 == 0 { "a" } else { "b" }, call, &Evidence::default());
            log.tool("b", "run", (i == 3).then_some("harm"), &Evidence::file("f"));
        }
        log.record("a", ModelCall { time: Some("noon"), ..ModelCall::default() }, &Evidence::default());
        log.rename(|id, _| (id.as_str() == "b").then(|| "a".into()));
        let calls = &log.assets["a"];
        assert_eq!((log.assets.len(), calls.hours.len(), calls.habits(Aspect::Caller)), (1, 1, None));
        assert_eq!((calls.tools["run"], calls.dangerous_calls), (265, 1));
        assert_eq!(calls.dangerous[0].excerpt.as_deref(), Some("run: harm"));
    }
}
