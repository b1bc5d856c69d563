//! Python binding of `aispm`: convert, call, convert. The GIL is released around every call into the core.

mod assess;
mod convert;
mod guard;
mod posture;
mod scan;
mod session;
mod text;
mod vault;

#[pyo3::pymodule(gil_used = false)]
mod _aispm {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::assess::{
        Activity, Assessment, Asset, AttackPath, ChokePoint, Control, Discovery, Encryption, Evidence, ExternalFinding,
        FileSeen, Finding, Fix, InheritedClass, Inventory, LineageAnswer, Narrowed, OwnerClaim, Patch, PathFix,
        Premise, Provenance, Relation, Step, Summary, Unknown, Unread, Usage, Used, Window, assess, discover,
    };
    #[pymodule_export]
    use crate::convert::AispmError;
    #[pymodule_export]
    use crate::guard::{Decision, Guard, GuardStream};
    #[pymodule_export]
    use crate::posture::{
        Answer, Comparison, ControlResult, Coverage, DataInfo, Explanation, Factor, Risk, RiskMember, RiskTerm, Rule,
        Shown, Waived, Waiver,
    };
    #[pymodule_export]
    use crate::scan::{ModelFinding, ModelReport, scan_model, scan_models};
    #[pymodule_export]
    use crate::session::Session;
    #[pymodule_export]
    use crate::text::{Clue, Detection, Match, detect};
    #[pymodule_export]
    use crate::vault::{Restorer, Vault};

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's own name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// Runs the command line on these arguments, the program's name first, and returns its exit code.
    #[pyfunction]
    fn run_cli(py: Python<'_>, args: Vec<OsString>) -> u8 {
        py.detach(|| aispm_core::cli::run(args))
    }

    /// The shared library of ONNX Runtime where neither a guard's policy nor the environment names one.
    #[pyfunction]
    fn set_onnx_runtime(path: PathBuf) {
        aispm_core::text::onnx::Runtime::set_default(path);
    }
}
