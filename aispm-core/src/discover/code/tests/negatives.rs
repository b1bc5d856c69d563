//! Code that only looks like AI.

use super::*;

#[test]
fn nothing_here_is_ai() {
    for (path, text) in [
        (
            "p/a.py",
            "from http_pool import Agent\nagent = Agent(user_agent='x')\nagent.get('https://example.com', model='T')\n",
        ),
        ("p/a.py", "from substation import transformers\nfor t in transformers: print(t.model)\nmodel = 'TX-100'\n"),
        (
            "p/a.py",
            "from models import User\nfrom app.agents import Agent\nfrom .ai import llm\nUser.objects.filter(model='gpt-4')\n",
        ),
        ("p/a.py", "# import openai\nx = 'from openai import OpenAI'\n\"\"\"\nimport langchain\n\"\"\"\n"),
        ("p/a.py", "def f():\n    '''\n    import openai\n    openai.OpenAI()\n    '''\n"),
        ("p/a.py", "super().__init__(service_name='bedrock')\nself.backend.create_agent(name='x')\n"),
        ("p/a.py", "import ray\nlight = ray.Beam(angle=3)\nray.cast(light)\n"),
        (
            "p/a.py",
            "import dspy_utils, langchainsaw, torchlight\nfrom openair import Client\nfrom mcpherson import tool\n",
        ),
        ("p/a.py", "import click\n@click.command()\ndef tool(): pass\ntool(name='x', description='y')\n"),
        ("p/a.py", "from datasets import load_rows\nimport evaluate, guidance, instructor\nevaluate.score(1)\n"),
        ("p/a.py", "class Agent: pass\nclass Tool: pass\nAgent(name='Smith', tools=[Tool()])\n"),
        (
            "p/a.py",
            "f'{import_openai}'\nimport json as openai_json\nprompt = 'Enter your name and press the return key, please: '\n",
        ),
        (
            "p/A.java",
            "import com.acme.crm.Agent;\npublic class A { Agent a = new Agent(\"Smith\"); Tool t = Tool.builder().name(\"x\").build(); }",
        ),
        (
            "p/A.java",
            "/* import dev.langchain4j.X; */ import org.tensorflowers.Rose; class A { String s = \"import com.openai.X;\"; }",
        ),
        ("p/A.kt", "import com.acme.Tool\n@Tool fun add() = 1\nval agent = Agent(\"x\")\n"),
        ("p/A.cs", "using System;\nusing OpenAirlines;\nclass A { void F() { using (var agent = new Agent()) {} } }"),
        (
            "p/a.rs",
            "mod candle_core;\nuse super::openai::Client;\nuse self::rig::Agent;\nfn f() { let m = \"gpt-4o\"; tool!(x); }",
        ),
        (
            "p/a.rs",
            "// use async_openai::Client;\n/* use candle_core; /* nested */ */ fn f<'a>(x: &'a str) { let s = r#\"use rig::X;\"#; }",
        ),
        (
            "p/a.go",
            "package m\nimport (\n\t\"net/http\"\n\t\"github.com/acme/agent\"\n)\n// \"github.com/openai/openai-go\"\nvar a = agent.New(\"x\")\nvar s = `import \"github.com/openai/openai-go\"`\n",
        ),
        (
            "p/a.ts",
            "import { Command } from 'commander';\nimport { Agent } from 'https';\nnew Agent({ model: 'gpt-4o' });\ntool('x', { name: 'y', description: 'z' });\n",
        ),
        (
            "p/a.ts",
            "// import OpenAI from 'openai'\nconst s = `require('openai') ${`import 'langchain'`}`;\nconst r = /import 'openai'/;\n",
        ),
        (
            "p/a.tsx",
            "import React from 'react';\nexport const A = () => <p>Don't import from 'here', use openai</p>;\n",
        ),
    ] {
        let have = code(path, text);
        let ai: Vec<_> = have.assets().filter(|asset| asset.ai).map(|asset| asset.id.as_str()).collect();
        assert_eq!(ai, [""; 0], "{text}");
    }
}

#[test]
fn beside_ai_only_what_is_ai_counts() {
    let text = "import openai\nfrom crm import Agent, Tool\nfrom cars import Car\na = Agent(name='Smith', tools=[Tool('hammer')])\nc = Car(model='Corolla')\nd = dict(model='none-such')\n@app.tool\n";
    assert_eq!(facts(&python(text)), [""; 0]);
    let text = "import OpenAI from 'openai';\nimport { Agent } from 'https';\nnew Agent({ name: 'x' });\nconst User = mongoose.model('User');\n";
    assert_eq!(facts(&code("p/a.ts", text)), [""; 0]);
    let text = "import com.openai.client.X;\nclass A { Agent a = new Agent(\"Smith\"); void f() { Car.builder().name(\"x\").build(); } }";
    assert_eq!(facts(&code("p/A.java", text)), [""; 0]);
}
