//! Frameworks of the other languages.

use super::*;

#[test]
fn java_services_with_tools() {
    let text = "import dev.langchain4j.agent.tool.Tool;\nimport dev.langchain4j.model.openai.OpenAiChatModel;\nimport dev.langchain4j.service.AiServices;\nimport dev.langchain4j.service.SystemMessage;\nclass A {\n  interface Helper { @SystemMessage(\"You help the people of acme.\") String chat(String m); }\n  static class Tools {\n    @Tool(\"Runs it\") public String run(@P(\"c\") String c) { return Runtime.getRuntime().exec(c); }\n    @Tool(name = \"x\", value = \"Adds\") int add(int a) { return a; }\n  }\n  void f() {\n    OpenAiChatModel model = OpenAiChatModel.builder().apiKey(System.getenv(\"OPENAI_API_KEY\")).modelName(\"gpt-4o\").build();\n    Helper h = AiServices.builder(Helper.class)\n        .chatModel(model)\n        .tools(new Tools())\n        .build();\n  }\n}\n";
    let have = code("p/A.java", text);
    assert_eq!(
        facts(&have),
        [
            "ai-provider ai-provider:openai",
            "agent Helper",
            "prompt-template Helper.SystemMessage",
            "tool add",
            "tool run",
            "model model:gpt-4o",
            "Helper uses model:gpt-4o",
            "Helper has_tool add",
            "Helper has_tool run",
        ]
    );
    let run = have.get("file:p/A.java#run").unwrap();
    assert_eq!(
        (run.text("capability"), run.text("description"), run.evidence[0].line),
        (Some("shell"), Some("Runs it"), Some(8))
    );
    assert!(have.get("pkg:maven/dev.langchain4j/langchain4j-open-ai").is_some());
}

#[test]
fn spring_clients_with_tools() {
    let text = "import org.springframework.ai.chat.client.ChatClient;\nimport org.springframework.ai.tool.annotation.Tool;\nclass Weather { @Tool(description = \"Weather\") String weather(String c) { return c; } }\nclass Chat { Chat(ChatClient.Builder builder) { this.client = builder.defaultSystem(\"You help.\").defaultTools(new Weather()).build(); } }\n";
    let have = code("p/A.java", text);
    assert_eq!(facts(&have), ["agent client", "tool weather", "client has_tool weather"]);
    assert_eq!(have.get("file:p/A.java#client").unwrap().text("instructions"), Some("You help."));
}

#[test]
fn typescript_sdks() {
    let text = "import { generateText, tool } from 'ai';\nimport { openai } from '@ai-sdk/openai';\nimport { Agent as A } from '@mastra/core/agent';\nimport { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';\nconst weather = tool<X, Y>({ description: 'Weather', execute: async ({ c }) => fetch(c) });\nconst model = openai('gpt-4o-mini');\nconst r = await generateText({ model, tools: { weather, sh: tool({ description: 'Runs', execute: (c) => execSync(c) }) } });\nexport const chef = new A({ name: 'Chef', model: openai('gpt-4o'), tools: { weather } });\nconst server = new McpServer({ name: 'acme' });\nserver.registerTool('lookup', { description: 'Looks up' }, async () => ({}));\n";
    let have = code("p/a.ts", text);
    assert_eq!(
        facts(&have),
        [
            "ai-provider ai-provider:openai",
            "agent Chef",
            "mcp-server acme",
            "tool lookup",
            "agent r",
            "tool sh",
            "tool weather",
            "model model:gpt-4o",
            "model model:gpt-4o-mini",
            "Chef uses model:gpt-4o",
            "Chef has_tool weather",
            "acme has_tool lookup",
            "r uses model:gpt-4o-mini",
            "r has_tool sh",
            "r has_tool weather",
        ]
    );
    assert_eq!(have.get("file:p/a.ts#sh").unwrap().text("capability"), Some("shell"));
}

#[test]
fn go_clients_and_servers() {
    let text = "import (\n\toa \"github.com/sashabaranov/go-openai\"\n\t\"github.com/mark3labs/mcp-go/mcp\"\n\t\"github.com/mark3labs/mcp-go/server\"\n)\nfunc main() {\n\tr, err := c.Create(ctx, oa.ChatCompletionRequest{Model: oa.GPT4oMini})\n\ts := server.NewMCPServer(\"acme\", \"1.0\")\n\tt := mcp.NewTool(\"run\", mcp.WithDescription(\"Runs\"))\n\ts.AddTool(t, handle)\n}\n";
    let have = code("p/a.go", text);
    assert_eq!(facts(&have), ["mcp-server acme", "tool run", "model model:gpt-4o-mini", "acme has_tool run"]);
    assert_eq!(have.get("file:p/a.go#run").unwrap().text("description"), Some("Runs"));
}

#[test]
fn rust_and_csharp() {
    let text = "use rig::providers::openai;\nfn f() { let helper = client.agent(\"gpt-4o\").preamble(\"You help.\").build(); }\n";
    let have = code("p/a.rs", text);
    assert_eq!(facts(&have), ["agent helper", "model model:gpt-4o", "helper uses model:gpt-4o"]);
    let text = "using Microsoft.SemanticKernel;\nclass P { [KernelFunction(\"x\"), Description(\"Changes it\")] public async Task<string> Change(int id) { Process.Start(\"c\"); } }\nclass M { void F() { var a = new ChatCompletionAgent { Name = \"Helper\", Instructions = \"You help.\" }; } }\n";
    let have = code("p/A.cs", text);
    assert_eq!(facts(&have), ["tool Change", "agent Helper"]);
    assert_eq!(have.get("file:p/A.cs#Change").unwrap().text("description"), Some("Changes it"));
}

#[test]
fn cells_of_a_notebook_are_one_program() {
    let text = r##"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "import openai\nM = 'gpt-4o'"},
        {"cell_type": "code", "source": ["broken (\n", "%%time"]}, {"cell_type": "code", "source": ["x = 1\n", "c.create(model=M)"]}]}"##;
    let mut found = Found::default();
    notebook(&Document::json("p/n.ipynb", text).unwrap(), &mut found);
    let model = found.inventory.get("model:gpt-4o").unwrap();
    let places: Vec<_> = model.evidence.iter().map(|e| (e.pointer.as_deref(), e.excerpt.as_deref())).collect();
    assert!(places.contains(&(Some("/cells/2"), Some("c.create(model=M)"))), "{places:?}");
}
