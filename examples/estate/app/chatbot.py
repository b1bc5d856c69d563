"""The support chatbot: answers from the docs index, and may look things up itself."""

from langchain.agents import AgentExecutor, create_tool_calling_agent
from langchain_community.tools import ShellTool
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI
from qdrant_client import QdrantClient
from sentence_transformers import SentenceTransformer

model = ChatOpenAI(model="support-7b", base_url="http://chat-inference.support.svc:80/v1")
embedder = SentenceTransformer("BAAI/bge-small-en-v1.5")
index = QdrantClient(url="https://docs-index.support.svc:6333")

prompt = ChatPromptTemplate.from_messages([
    ("system", "You help customers of Acme. Answer from the documents; be brief."),
    ("human", "{input}"),
    ("placeholder", "{agent_scratchpad}"),
])

tools = [ShellTool()]
agent = create_tool_calling_agent(model, tools, prompt)
executor = AgentExecutor(agent=agent, tools=tools)
