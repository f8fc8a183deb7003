using Elt.Pipelines;
using Elt.Service.Api;

namespace Elt.Service.Tests.Api;

public class WorkflowNamesTests
{
    [Theory]
    [InlineData("scheduled_elt_trigger", "scheduled-elt-trigger")]
    [InlineData("root_orchestration_workflow", "root-orchestration")]
    [InlineData("elt_pipeline_workflow", "elt-pipeline")]
    [InlineData("extract_and_load_workflow", "extract-and-load")]
    [InlineData("extract_and_load_batch_workflow", "extract-and-load-batch")]
    [InlineData("cdc_detection_workflow", "detect-changes")]
    [InlineData("apply_to_latest_workflow", "apply-to-latest")]
    [InlineData("sync_to_postgres_workflow", "sync-onward")]
    [InlineData("sync-to-postgres", "sync-onward")]
    [InlineData("elt-pipeline", "elt-pipeline")]
    public void An_alias_leads_to_a_workflow_that_exists(string name, string workflow)
    {
        Assert.Equal(workflow, WorkflowNames.Workflow(name));
        Assert.NotNull(new WorkflowCatalog(typeof(PipelineOptions).Assembly).InputOf(workflow));
    }

    [Theory]
    [InlineData("num_batches", "batches")]
    [InlineData("numBatches", "batches")]
    [InlineData("batch_size", "pagesPerBatch")]
    [InlineData("organization_id", "organizationId")]
    [InlineData("organizationId", "organizationId")]
    [InlineData("batches", "batches")]
    public void Members_may_be_spelt_in_both_cases(string name, string member) => Assert.Equal(member, WorkflowNames.Member(name));

    [Theory]
    [InlineData("""{"deletesHeld":1,"byKey":{"org-001":{"runId":"x"},"batch-03/page-1":2,"x_":3}}""", """{"deletes_held":1,"by_key":{"org-001":{"run_id":"x"},"batch-03/page-1":2,"x_":3}}""")]
    [InlineData("""[{"aB":null},[true,1.50]]""", """[{"a_b":null},[true,1.50]]""")]
    [InlineData("null", "null")]
    public void Answers_are_in_snake_case_and_keys_that_are_data_stay(string inside, string outside) =>
        Assert.Equal(outside, JsonNames.ToSnakeDocument(inside).GetRawText());
}
