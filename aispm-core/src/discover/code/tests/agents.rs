//! Agents, tools and MCP servers of each framework in Python.

use super::*;

#[test]
fn crews_by_decorators_and_configuration() {
    let text = "from crewai import Agent, Crew, Task\nfrom crewai.project import CrewBase, agent, crew\nfrom crewai_tools import SerperDevTool\n@CrewBase\nclass C:\n    agents_config = 'config/agents.yaml'\n    @agent\n    def writer(self) -> Agent:\n        return Agent(config=self.agents_config['writer'], tools=[SerperDevTool()])\n    @crew\n    def crew(self) -> Crew:\n        return Crew(agents=self.agents, tasks=self.tasks)\n";
    let have = python(text);
    assert_eq!(
        facts(&have),
        ["tool SerperDevTool", "agent crew", "agent writer", "crew invokes writer", "writer has_tool SerperDevTool",]
    );
    let writer = have.get("file:p/a.py#writer").unwrap();
    assert!(writer.aliases.contains("file:p/config/agents.yaml#writer"));
    assert_eq!(writer.evidence[0].line, Some(9));
    assert_eq!(facts(&python("from team.crew import Team\nTeam().crew().kickoff(inputs={})\n")), [""; 0]);
    assert!(python("from team.crew import Team\nTeam().crew().kickoff(inputs={})\n").get("file:p").unwrap().ai);
}

#[test]
fn teams_and_their_models() {
    let text = "from autogen_agentchat.agents import AssistantAgent\nfrom autogen_agentchat.teams import RoundRobinGroupChat\nfrom autogen_ext.models.openai import OpenAIChatCompletionClient\ndef look(q):\n    '''Looks.'''\n    return requests.get(q)\nclient = OpenAIChatCompletionClient(model='gpt-4o')\na = AssistantAgent('first', model_client=client, tools=[look])\nb = AssistantAgent(name='second', model_client=client, system_message='Be brief.')\nteam = RoundRobinGroupChat([a, b], max_turns=3)\n";
    let have = python(text);
    assert_eq!(
        facts(&have),
        [
            "ai-provider ai-provider:openai",
            "agent first",
            "tool look",
            "agent second",
            "agent team",
            "model model:gpt-4o",
            "first uses model:gpt-4o",
            "first has_tool look",
            "second uses model:gpt-4o",
            "team invokes first",
            "team invokes second",
        ]
    );
    let look = have.get("file:p/a.py#look").unwrap();
    assert_eq!((look.text("capability"), look.text("description")), (Some("http"), Some("Looks.")));
    assert_eq!(have.get("file:p/a.py#second").unwrap().text("instructions"), Some("Be brief."));
}

#[test]
fn agents_of_other_frameworks() {
    for (text, wanted) in [
        (
            "from pydantic_ai import Agent\na = Agent('openai:gpt-4o', system_prompt='x')\n@a.tool\ndef roll(ctx): pass\n",
            &["agent a", "tool roll", "model model:gpt-4o", "a uses model:gpt-4o", "a has_tool roll"][..],
        ),
        (
            "from google.adk.agents import LlmAgent as L\ndef f(): pass\nb = L(name='b', model='gemini-2.0-flash')\na = L(name='a', tools=[f], sub_agents=[b])\n",
            &[
                "agent a",
                "agent b",
                "tool f",
                "model model:gemini-2.0-flash",
                "a invokes b",
                "a has_tool f",
                "b uses model:gemini-2.0-flash",
            ],
        ),
        (
            "from langgraph.graph import StateGraph\nfrom langchain_core.tools import tool\n@tool\ndef s(q): pass\ng = StateGraph(S)\nm = init_chat_model('openai:gpt-4o').bind_tools([s])\n",
            &["agent g", "tool s", "model model:gpt-4o", "g uses model:gpt-4o", "g has_tool s"],
        ),
        (
            "from smolagents import CodeAgent, InferenceClientModel\na = CodeAgent(tools=[], model=InferenceClientModel(model_id='acme/big'))\n",
            &[
                "ai-provider ai-provider:hugging-face",
                "agent a",
                "model https://huggingface.co/acme/big",
                "a uses https://huggingface.co/acme/big",
            ],
        ),
        (
            "from llama_index.core.agent.workflow import FunctionAgent\nfrom llama_index.core.tools import FunctionTool\ndef add(a): '''Adds.'''\nt = FunctionTool.from_defaults(fn=add)\na = FunctionAgent(tools=[t])\n",
            &["agent a", "tool t", "a has_tool t"],
        ),
        (
            "from agents import Agent, function_tool\n@function_tool(name_override='x')\ndef f(): pass\nb = Agent(name='B')\na = Agent(name='A', tools=[f], handoffs=[b])\n",
            &["agent A", "agent B", "tool f", "A invokes B", "A has_tool f"],
        ),
    ] {
        assert_eq!(facts(&python(text)), wanted, "{text}");
    }
}

#[test]
fn tools_by_class_schema_and_mark() {
    let text = "from crewai.tools import BaseTool\nimport openai\nclass Deploy(BaseTool):\n    name: str = 'deploy it'\n    description: str = (\n        'Deploys '\n        'it.')\n    def _run(self, x):\n        import subprocess\n        return subprocess.run(x)\ntools = [{'type': 'function', 'function': {'name': 'lookup', 'description': 'Looks up.', 'parameters': {}}}]\nclass Other(Base):\n    name = 'x'\n";
    let have = python(text);
    let deploy = have.get("file:p/a.py#Deploy").unwrap();
    assert_eq!((deploy.name.as_str(), deploy.text("description")), ("deploy it", Some("Deploys it.")));
    assert_eq!(deploy.text("capability"), Some("shell"));
    assert_eq!(have.get("file:p/a.py#lookup").unwrap().text("description"), Some("Looks up."));
    assert!(have.get("file:p/a.py#Other").is_none());
}

#[test]
fn mcp_servers_and_clients() {
    let text = "from mcp.server.fastmcp import FastMCP\nfrom mcp import StdioServerParameters\nmcp = FastMCP('acme')\n@mcp.tool()\ndef add(a: int) -> int:\n    '''Adds.'''\nparams = StdioServerParameters(command='npx', args=['-y', '@acme/files@1.0.0'], env={'KEY': os.environ['K']})\nclient = MultiServerMCPClient({'math': {'url': 'http://m.acme.test/mcp', 'transport': 'sse'}})\nmcp.run(transport='stdio')\n";
    let have = python(text);
    assert_eq!(
        facts(&have),
        [
            "mcp-server acme",
            "tool add",
            "mcp-server math",
            "mcp-server params",
            "acme has_tool add",
            "params uses pkg:npm/%40acme/files@1.0.0",
        ]
    );
    assert_eq!(have.get("file:p/a.py#math").unwrap().text("transport"), Some("sse"));
    assert_eq!(have.get("file:p/a.py#params").unwrap().properties["env"][0], "KEY");
}
