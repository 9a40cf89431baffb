"""Run in a child process: an exported folder in the program that it is for, where kinject cannot be imported."""

import json
import sys

sys.modules["kinject"] = None  # type: ignore[assignment]


def lm_eval(folder: str, group: str, tiny: str) -> object:
    """Scores of a model that says what it is told to, then of a real one through its chat template."""
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Parrot(LM):
        def generate_until(self, requests: list) -> list[str]:
            assert all(each.args[1]["until"] == ["\nQuestion:"] for each in requests)
            assert all(each.args[0] == f"Question: {each.doc['question']}\nAnswer:" for each in requests)
            return ["I say South Africa." if "Which country won" in each.args[0] else "Oslo" for each in requests]

        def loglikelihood(self, requests: list) -> list:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    tasks = TaskManager(include_path=folder)
    names = [group, f"{group}_direct_paraphrased"]
    said = simple_evaluate(model=Parrot(), tasks=names, task_manager=tasks, bootstrap_iters=0)
    real = simple_evaluate(
        model="hf",
        model_args={"pretrained": tiny, "dtype": "float32"},
        tasks=[group],
        task_manager=tasks,
        device="cpu",
        batch_size=4,
        gen_kwargs="max_gen_toks=8",
        apply_chat_template=True,
        bootstrap_iters=0,
    )
    return [{"results": each["results"], "versions": each["versions"], "n": each["n-samples"]} for each in (said, real)]


def inspect_ai(file: str, logs: str) -> object:
    """The scores of a model that is right about rugby."""
    from inspect_ai import eval as evaluate
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    def answer(messages: list, *_: object) -> ModelOutput:
        text = "South Africa" if messages[-1].text == "Which country won the 2023 Rugby World Cup?" else "I say Oslo!"
        output = ModelOutput.from_content("mockllm/model", text)
        output.usage = ModelUsage()  # without it, tokens are counted by a table that is downloaded
        return output

    done = evaluate(file, model=get_model("mockllm/model", custom_outputs=answer), log_dir=logs, display="none")
    return {
        log.eval.task: {score.name: score.metrics["accuracy"].value for score in log.results.scores}
        | {"status": log.status, "version": log.eval.task_version, "metadata": log.eval.metadata}
        for log in done
    }


def croissant(file: str) -> object:
    """The records, as far as pandas leaves them as they are. An error in the description is raised."""
    import mlcroissant

    data = mlcroissant.Dataset(jsonld=file)
    return [
        {key: value.decode() if isinstance(value, bytes) else str(value) for key, value in record.items()}
        for record in data.records("facts")
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])) + "\n")
