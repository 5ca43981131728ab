//! What came of it in the XML that CI systems read.

use anyhow::{Context, Result};
use curricle_harness::{Outcome, Report};
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};

/// A suite for each plugin, a case for each check and scenario.
pub(super) fn write(reports: &[Report]) -> Result<String> {
    let mut junit = Junit::new("curricle test");
    for report in reports {
        let name = if report.plugin.is_empty() { &report.file } else { &report.plugin };
        let mut suite = TestSuite::new(name.as_str());
        for check in &report.checks {
            let status = match &check.outcome {
                Outcome::Failed(failure) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_type("failure").set_message(failure.problem.as_str()).set_description(failure.to_string());
                    status
                }
                Outcome::Skipped { reason } => {
                    let mut status = TestCaseStatus::skipped();
                    status.set_message(reason.as_str());
                    status
                }
                _ => TestCaseStatus::success(),
            };
            let mut case = TestCase::new(check.name.as_str(), status);
            case.set_classname(format!("curricle.{name}")).set_time(check.time);
            if let Outcome::Passed { detail } = &check.outcome {
                case.set_system_out(detail.as_str());
            }
            suite.add_test_case(case);
        }
        junit.add_test_suite(suite);
    }
    junit.to_string().context("cannot write the report as JUnit XML")
}
