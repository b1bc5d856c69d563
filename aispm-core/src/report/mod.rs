//! Assessments as text, JSON, SARIF, Mermaid and HTML.
