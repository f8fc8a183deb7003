namespace Elt.Service.Api;

/// <summary>Other names under which workflows and their input members are known.</summary>
internal static class WorkflowNames
{
    private static readonly Dictionary<string, string> Workflows = new(StringComparer.Ordinal)
    {
        ["scheduled_elt_trigger"] = "scheduled-elt-trigger",
        ["root_orchestration_workflow"] = "root-orchestration",
        ["elt_pipeline_workflow"] = "elt-pipeline",
        ["extract_and_load_workflow"] = "extract-and-load",
        ["extract_and_load_batch_workflow"] = "extract-and-load-batch",
        ["cdc_detection_workflow"] = "detect-changes",
        ["apply_to_latest_workflow"] = "apply-to-latest",
        ["sync_to_postgres_workflow"] = "sync-onward",
        ["sync-to-postgres"] = "sync-onward",
    };

    private static readonly Dictionary<string, string> Members = new(StringComparer.Ordinal)
    {
        ["num_batches"] = "batches",
        ["numBatches"] = "batches",
        ["batch_size"] = "pagesPerBatch",
        ["batchSize"] = "pagesPerBatch",
    };

    /// <summary>The name that the journal knows.</summary>
    public static string Workflow(string name) => Workflows.GetValueOrDefault(name, name);

    /// <summary>The member of the input record, in camelCase.</summary>
    public static string Member(string name) => Members.TryGetValue(name, out var member) ? member : JsonNames.ToCamel(name);
}
