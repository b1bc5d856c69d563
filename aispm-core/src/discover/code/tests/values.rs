//! Constants, scopes and defaults: what an argument is worth.

use super::*;

/// The models that a file names.
fn models(path: &str, text: &str) -> Vec<String> {
    let have = code(path, text);
    have.assets().filter(|a| a.kind == AssetKind::Model).map(|a| a.name.clone()).collect()
}

#[test]
fn what_stands_for_a_model_in_python() {
    for (text, wanted) in [
        ("M = 'gpt-4o'\nc.chat.completions.create(model=M)", "gpt-4o"),
        ("c.chat.completions.create(model=M)\nM = 'gpt-4o'", "gpt-4o"),
        ("class C:\n  m = 'gpt-4o'\n  def f(self):\n    c.create(model=self.m)", "gpt-4o"),
        (
            "class C:\n  def __init__(self):\n    self.m = 'gpt-4o'\n  def f(self):\n    c.create(model=self.m)",
            "gpt-4o",
        ),
        ("def f(m='gpt-4o'):\n  c.create(model=m)", "gpt-4o"),
        ("c.create(model=os.getenv('M', 'gpt-4o'))", "gpt-4o"),
        ("m = os.environ.get('M') or 'gpt-4o'\nc.create(model=m)", "gpt-4o"),
        ("c.create(model=(\n  'gpt-'\n  '4o'\n))", "gpt-4o"),
        ("V = '4o'\nc.create(model=f'gpt-{V}')", "gpt-4o"),
        ("V = '4o'\nc.create(model='gpt-' + V)", "gpt-4o"),
        ("X: str = 'gpt-4o'\nc.create(\n  messages=[m(role='user', content=[a, b])],\n  model=X,\n)", "gpt-4o"),
        ("from openai import OpenAI as O\nO().chat.completions.create(model='gpt-4o')", "gpt-4o"),
    ] {
        assert_eq!(models("p/a.py", &format!("import openai\n{text}\n")), [wanted], "{text}");
    }
}

#[test]
fn names_are_not_mixed_up_between_functions() {
    let text = "import openai\ndef f():\n  x = 'gpt-4o'\n  return x\ndef g(x):\n  c.create(model=x)\ndef h():\n  c.create(model=x)\n";
    assert_eq!(models("p/a.py", text), [""; 0]);
    let text =
        "import openai\ndef f():\n  x = 'gpt-4o'\n  c.create(model=x)\ndef g():\n  x = 'gpt-4'\n  c.create(model=x)\n";
    assert_eq!(models("p/a.py", text), ["gpt-4", "gpt-4o"]);
    // a keyword of an inner call is the inner call's own
    let text = "import openai\nc.create(tool(model=3), other(x='gpt-4o', model=None))\n";
    assert_eq!(models("p/a.py", text), [""; 0]);
}

#[test]
fn what_stands_for_a_model_elsewhere() {
    for (path, text) in [
        ("p/a.ts", "import O from 'openai';\nconst M: string = process.env.M ?? 'gpt-4o'\nc.create({ model: M })"),
        ("p/a.js", "const O = require('openai');\nc.create({ stream: f({ x: 1 }), model: process.env.M || `gpt-4o` })"),
        (
            "p/a.mts",
            "const { OpenAI: O } = await import('openai');\nfunction f(m = 'gpt-4o') { return c.create({ model: m as Model }) }",
        ),
        (
            "p/a.go",
            "import \"github.com/openai/openai-go\"\nconst m = \"gpt-4o\"\nvar p = openai.ChatCompletionNewParams{\n\tModel: openai.F(m),\n}",
        ),
        (
            "p/a.go",
            "import \"github.com/openai/openai-go\"\nvar p = openai.ChatCompletionNewParams{Model: openai.ChatModelGPT4o}",
        ),
        (
            "p/A.java",
            "import com.openai.models.ChatModel;\nclass A { void f() { var p = ChatParams.builder().model(ChatModel.GPT_4O).build(); } }",
        ),
        (
            "p/A.java",
            "import com.openai.client.X;\nclass A { static final String M = \"gpt-4o\"; void f() { P.builder()\n .model(M)\n .build(); } }",
        ),
        ("p/a.rs", "use async_openai::Client;\nconst M: &str = \"gpt-4o\";\nfn f() { R::default().model(M).build(); }"),
        ("p/a.rs", "use async_openai::Client;\nfn f() { let r = Request { model: \"gpt-4o\".to_string(), n: 1 }; }"),
        ("p/A.cs", "using OpenAI.Chat;\nclass A { void F() { var c = new ChatClient(model: \"gpt-4o\", key); } }"),
        (
            "p/A.kt",
            "import com.aallam.openai.api.X\nfun f() { val r = ChatCompletionRequest(model = ModelId(\"gpt-4o\")) }",
        ),
    ] {
        assert_eq!(models(path, text), ["gpt-4o"], "{text}");
    }
}

#[test]
fn any_text_is_read_in_linear_time() {
    let texts = [
        "(".repeat(20_000),
        "a(".repeat(10_000),
        "[{(".repeat(7_000),
        ")]}".repeat(7_000),
        "a = b or ".repeat(5_000),
        "x=f\"{".repeat(4_000),
        "`${".repeat(6_000),
        "/[".repeat(10_000),
        "def f(a=1):\n ".repeat(2_000),
        "from a import (".repeat(2_000),
        ":from a import b".repeat(2_000),
        "a.b(c).".repeat(4_000),
        "x = x + x + x\n".repeat(2_000),
        "{\"type\": {\"name\": ".repeat(2_000),
        "@tool\ndef f(): eval(g.invoke(x))\n".repeat(500),
        "Agent(tools=[a, b], name='x')\n".repeat(500),
        "m = Crew(agents=self.agents)\n".repeat(200),
    ];
    for text in &texts {
        for (path, import) in [
            ("p/a.py", "from openai import Agent, tool, Crew\n"),
            ("p/a.ts", "import x from 'openai';\n"),
            ("p/A.java", "import com.openai.X;\n"),
            ("p/a.rs", "use async_openai::X;\n"),
            ("p/a.go", "import \"github.com/openai/openai-go\"\n"),
            ("p/A.cs", "using OpenAI;\n"),
        ] {
            let start = std::time::Instant::now();
            code(path, &format!("{import}{text}"));
            let limit = std::time::Duration::from_secs(5);
            assert!(start.elapsed() < limit, "{path}: {}", text.get(..20).unwrap_or_default());
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_text_stops_reading(text in "([a-z(){}\\[\\]=:;,.+@#'\"`$\\\\ \n]|import |from |def |class |Agent\\(|tool|=> |model=){0,80}") {
        for (path, import) in [("p/a.py", "import openai\n"), ("p/a.ts", "import 'openai'\n"), ("p/A.java", "import com.openai.X;\n"),
            ("p/a.rs", "use async_openai::X;\n"), ("p/a.go", "import \"github.com/openai/openai-go\"\n"), ("p/A.cs", "using OpenAI;\n"), ("p/A.kt", "import com.openai.X\n")] {
            code(path, &format!("{import}{text}"));
        }
    }
}
