using Elt.Durable;

namespace Elt.Pipelines.Orchestration;

/// <summary>What the daily schedule starts: the orchestration of all integrations, once per slot.</summary>
/// <param name="ScheduledTime">The slot.</param>
[Workflow("scheduled-elt-trigger")]
public sealed record ScheduledEltTrigger(DateTimeOffset ScheduledTime) : IWorkflow<RootSummary>;

internal sealed class ScheduledEltTriggerWorkflow : Workflow<ScheduledEltTrigger, RootSummary>
{
    public override Task<RootSummary> RunAsync(ScheduledEltTrigger input, WorkflowContext context) => context.ChildAsync(new RootOrchestration());
}
