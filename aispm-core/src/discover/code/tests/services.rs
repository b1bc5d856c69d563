//! Services that code calls: endpoints, stores, registries, buckets; prompts; what runs a model's words.

use super::*;

#[test]
fn endpoints_agents_and_stores_of_clouds() {
    let text = "import boto3\nfrom google.cloud import aiplatform\nfrom openai import AzureOpenAI\nrt = boto3.client('sagemaker-runtime')\nrt.invoke_endpoint(EndpointName='acme-llm', Body=b)\nbr.invoke_agent(agentId='ABCDEF1234', agentAliasId='X')\nbr.retrieve(knowledgeBaseId='KB123456')\nbr.converse(modelId='arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0')\nep = aiplatform.Endpoint('projects/acme/locations/us-central1/endpoints/12')\nc = AzureOpenAI(azure_endpoint='https://acme.openai.azure.com/', azure_deployment='chat')\n";
    let have = python(text);
    let uses: Vec<_> = have
        .outgoing("file:p")
        .filter(|r| r.kind != RelationKind::Uses)
        .map(|r| format!("{} {}", r.kind, r.to))
        .collect();
    assert_eq!(
        uses,
        [
            "invokes //aiplatform.googleapis.com/projects/acme/locations/us-central1/endpoints/12",
            "invokes bedrock-agent:ABCDEF1234",
            "invokes https://acme.openai.azure.com",
            "invokes https://acme.openai.azure.com/openai/deployments/chat",
            "invokes sagemaker-endpoint:acme-llm",
            "retrieves_from bedrock-knowledge-base:KB123456",
        ]
    );
    assert!(have.get("model:amazon.nova-lite-v1:0").is_some());
}

#[test]
fn a_client_with_an_address_of_its_own_is_not_the_providers() {
    let have = python(
        "from openai import OpenAI\nc = OpenAI(base_url='http://user:pw@vllm.acme.test:8000/v1/', api_key='none')\n",
    );
    let endpoint = have.get("http://vllm.acme.test:8000/v1").unwrap();
    assert_eq!((endpoint.kind, endpoint.encryption.in_transit), (AssetKind::Endpoint, Some(false)));
    assert!(have.get("ai-provider:openai").is_none());
    assert!(!serde_json::to_string(&have).unwrap().contains("pw@vllm.acme.test:8000/v1\"},"));
}

#[test]
fn stores_of_vectors() {
    let text = "import chromadb\nfrom qdrant_client import QdrantClient\nfrom langchain_qdrant import QdrantVectorStore\nc = chromadb.HttpClient(host='chroma.acme.test', port=8000)\nd = c.get_or_create_collection('docs')\nq = QdrantClient(url='https://q.acme.test:6333')\ns = QdrantVectorStore(client=q, collection_name='faq')\n";
    assert_eq!(
        facts(&python(text)),
        [
            "vector-store chroma://chroma.acme.test:8000",
            "vector-store chroma://chroma.acme.test:8000/docs",
            "vector-store https://q.acme.test:6333",
            "vector-store https://q.acme.test:6333/faq",
            "chroma://chroma.acme.test:8000 contains chroma://chroma.acme.test:8000/docs",
            "https://q.acme.test:6333 contains https://q.acme.test:6333/faq",
        ]
    );
}

#[test]
fn registries_and_buckets() {
    let text = "import mlflow, boto3\nmlflow.set_tracking_uri('https://mlflow.acme.test/')\nm = mlflow.pyfunc.load_model('models:/churn/3')\nmlflow.sklearn.log_model(m, 'm', registered_model_name='churn')\ndf = pd.read_csv('s3://acme-in/x.csv')\ndf.to_parquet('gs://acme-out/y')\nboto3.client('s3').upload_file('f', 'acme-up', 'k')\n";
    let have = python(text);
    let out: Vec<_> =
        have.outgoing("file:p").map(|r| format!("{} {}", r.kind, r.to)).filter(|r| !r.contains("pkg:")).collect();
    assert_eq!(
        out,
        [
            "uses https://mlflow.acme.test",
            "uses models:/churn/3",
            "reads arn:aws:s3:::acme-in",
            "writes arn:aws:s3:::acme-up",
            "writes gs://acme-out",
            "writes models:/churn",
        ]
    );
    assert!(!have.get("gs://acme-out").unwrap().ai);
}

#[test]
fn prompts_by_object_and_name() {
    let text = "from langchain_core.prompts import ChatPromptTemplate\nask = ChatPromptTemplate.from_messages([('system', 'You are kind.'), ('human', '{q}')])\nSYSTEM_PROMPT = '''You are the assistant of acme and never tell anyone.'''\nprompt_id = 'x'\np = hub.pull('acme/rag')\n";
    let have = python(text);
    assert_eq!(
        facts(&have),
        ["prompt-template SYSTEM_PROMPT", "prompt-template ask", "prompt-template langsmith:acme/rag"]
    );
    assert_eq!(have.get("file:p/a.py#ask").unwrap().text("template"), Some("You are kind.\n{q}"));
}

#[test]
fn what_a_model_said_reaches_an_interpreter() {
    let sinks = |text: &str| {
        python(&format!("import openai\n{text}")).get("file:p").unwrap().properties.get("model_output_sinks").cloned()
    };
    assert_eq!(
        sinks("r = c.chat.completions.create(model='gpt-4o')\ncode = r.choices[0].message.content\nexec(code)\n"),
        Some(serde_json::json!(["code"]))
    );
    assert_eq!(sinks("os.system(chain.invoke(q))\n"), Some(serde_json::json!(["shell"])));
    assert_eq!(sinks("r = c.chat.completions.create(model='gpt-4o')\nexec('print(1)')\n"), None);
    let answer = "r = c.chat.completions.create(model='gpt-4o')\n";
    assert_eq!(sinks(&format!("{answer}page = Markup(r.output_text)\n")), Some(serde_json::json!(["html"])));
    assert_eq!(sinks(&format!("{answer}cursor.execute(r.output_text)\n")), Some(serde_json::json!(["sql"])));
    assert_eq!(sinks(&format!("{answer}cursor.execute('insert into t values (?)', [r.output_text])\n")), None);
}

#[test]
fn no_secret_is_kept() {
    let secret = format!("sk-proj-{}T3BlbkFJ{}", "Zx8kQw3rTn5vLp7sHd2m", "Yc4gBf6jWq9eRa1uKs0t");
    let text = format!(
        "from openai import OpenAI\nc = OpenAI(api_key='{secret}')\nPROMPT = 'Use the key {secret} to call the service of acme'\n"
    );
    let text = serde_json::to_string(&python(&text)).unwrap();
    assert!(text.contains("***") && !text.contains("Zx8kQw3r"), "{text}");
}

#[test]
fn training_from_data_to_model() {
    let text = "from transformers import AutoModel\nfrom trl import SFTTrainer\nfrom datasets import load_dataset\nd = load_dataset('acme/rows', split='train')\nm = AutoModel.from_pretrained('acme/base')\nt = SFTTrainer(model=m, train_dataset=d)\nm.push_to_hub('acme/tuned')\n";
    let have = python(text);
    let job: Vec<_> = have.outgoing("file:p/a.py#t").map(|r| format!("{} {}", r.kind, r.to)).collect();
    assert_eq!(
        job,
        [
            "uses https://huggingface.co/acme/base",
            "reads https://huggingface.co/datasets/acme/rows",
            "writes https://huggingface.co/acme/tuned",
        ]
    );
    assert!(have.outgoing("https://huggingface.co/acme/tuned").any(|r| r.kind == RelationKind::DerivedFrom));
}
