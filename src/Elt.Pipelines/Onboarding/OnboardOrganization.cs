using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;

namespace Elt.Pipelines.Onboarding;

/// <summary>
/// Onboards integrations of an organization: asks each source for its first page, loads everything for the first time, and lets the schedule run it from then on. One that
/// fails does not stop the others.
/// </summary>
/// <param name="OrganizationId">The tenant; its integrations are connected already.</param>
/// <param name="Integrations">Those to onboard, whatever their state. Default all that are pending or need new credentials.</param>
/// <param name="Batches">Batches of a round, 1 to 10 000. Default 10.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000. Default 10.</param>
[Workflow("onboard-organization")]
public sealed record OnboardOrganization(string OrganizationId, IReadOnlyList<string>? Integrations = null, int Batches = 10, int PagesPerBatch = 10)
    : IWorkflow<OnboardingSummary>
{
    internal BatchPlan Plan { get; } = new(Batches, PagesPerBatch);

    internal IReadOnlyList<IntegrationKey> Named { get; } = [.. (Integrations ?? []).Distinct().Select(id => new IntegrationKey(OrganizationId, id))];
}

/// <summary>What became of an organization's integrations.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="Onboarded">How many were checked and loaded, so that the schedule runs them.</param>
/// <param name="Failed">How many do not, since their check or their load has failed.</param>
/// <param name="Skipped">How many were not looked at.</param>
/// <param name="Integrations">Each of them, by id.</param>
public sealed record OnboardingSummary(string OrganizationId, int Onboarded, int Failed, int Skipped, IReadOnlyList<OnboardedIntegration> Integrations);

/// <summary>What became of an integration.</summary>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Outcome"><c>onboarded</c>, <c>check_failed</c>, <c>load_failed</c> or <c>skipped</c>.</param>
/// <param name="State">The state that it is in now, such as <c>active</c>.</param>
/// <param name="Records">Records in the latest state after the load; <see langword="null"/> without one.</param>
/// <param name="ErrorClass">What kind of failure its source gave, such as <c>auth</c>; <see langword="null"/> without one.</param>
/// <param name="Message">What is wrong and what to do, or why it was skipped; <see langword="null"/> when there is nothing to say.</param>
public sealed record OnboardedIntegration(
    string ConnectedIntegrationId, string Outcome, string State,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Records = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ErrorClass = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Message = null)
{
    internal const string Onboarded = "onboarded";
    internal const string Skipped = "skipped";
}

/// <summary>An organization has nothing connected.</summary>
/// <param name="organizationId">The organization.</param>
public sealed class NothingConnectedException(string organizationId) : Exception(
    $"Organization '{organizationId}' has no connected integration. Connect one with: elt integrations add --organization {organizationId} --state pending …");

internal sealed class OnboardOrganizationWorkflow(IIntegrationStore integrations, ConnectionCheck check) : Workflow<OnboardOrganization, OnboardingSummary>
{
    public override async Task<OnboardingSummary> RunAsync(OnboardOrganization input, WorkflowContext context)
    {
        var known = await context.StepAsync("list-integrations", ct => ListAsync(input, ct), RetryPolicy.Database);
        var chosen = known.Where(one => input.Integrations is null
            ? one.State is IntegrationState.Pending or IntegrationState.NeedsReauth
            : input.Named.Contains(one.Key)).ToList();
        var onboarded = await context.MapAsync(
            chosen, one => one.Key.ToName(), (one, scope) => OnboardAsync(input, one, scope), maxParallel: Math.Max(1, chosen.Count));
        var all = onboarded.Concat(known.Except(chosen).Select(Skipped)).OrderBy(one => one.ConnectedIntegrationId, StringComparer.Ordinal).ToList();
        var (done, skipped) = (all.Count(one => one.Outcome == OnboardedIntegration.Onboarded), all.Count(one => one.Outcome == OnboardedIntegration.Skipped));
        return new OnboardingSummary(input.OrganizationId, done, all.Count - done - skipped, skipped, all);
    }

    private async Task<List<IntegrationStatus>> ListAsync(OnboardOrganization input, CancellationToken ct)
    {
        var known = (await integrations.ListStatesAsync(ct)).Where(one => one.Key.OrganizationId == input.OrganizationId).ToList();
        if (known.Count == 0)
            throw new NothingConnectedException(input.OrganizationId);
        var lacking = input.Named.FirstOrDefault(key => known.All(one => one.Key != key));
        return lacking is null ? known : throw new IntegrationNotFoundException(lacking);
    }

    private async Task<OnboardedIntegration> OnboardAsync(OnboardOrganization input, IntegrationStatus known, WorkflowContext scope)
    {
        var checkedOut = await check.RunAsync(scope, known.Key);
        if (checkedOut.Problem is { } problem)
            return await FailAsync(known, "check_failed", checkedOut.NeedsReauth ? IntegrationState.NeedsReauth : IntegrationState.Pending, problem, checkedOut, scope);
        PipelineSummary load;
        try
        {
            load = await scope.ChildAsync(
                new EltPipeline(input.OrganizationId, known.Key.ConnectedIntegrationId, input.Batches, input.PagesPerBatch), queue: PipelineRegistration.Queue);
        }
        catch (WorkflowFailedException e)
        {
            // One that runs by the schedule goes on: what has failed may be that a scheduled run came in between.
            return await FailAsync(
                known, "load_failed", known.State == IntegrationState.Active ? IntegrationState.Active : IntegrationState.Pending, e.Message, checkedOut, scope);
        }
        var state = await SetStateAsync(known, IntegrationState.Active, null, scope);
        return new OnboardedIntegration(
            known.Key.ConnectedIntegrationId, OnboardedIntegration.Onboarded, state.Name(), load.Latest,
            Message: state == IntegrationState.Active ? null : "Its state was changed meanwhile, and stays.");
    }

    private async Task<OnboardedIntegration> FailAsync(
        IntegrationStatus known, string outcome, IntegrationState to, string problem, CheckOutcome checkedOut, WorkflowContext scope)
    {
        var message = IntegrationStoreExtensions.OnboardAgain(known.Key, problem);
        var state = await SetStateAsync(known, to, to == IntegrationState.Active ? null : message, scope);
        Log.NotOnboarded(scope.Logger, known.Key, outcome, message);
        return new OnboardedIntegration(known.Key.ConnectedIntegrationId, outcome, state.Name(), ErrorClass: checkedOut.ErrorClass, Message: message);
    }

    // What a person has decided meanwhile stays.
    private async Task<IntegrationState> SetStateAsync(IntegrationStatus known, IntegrationState to, string? reason, WorkflowContext scope) =>
        await scope.StepAsync("set-state", ct => integrations.SetStateAsync(known.Key, to, reason, known.State, ct), RetryPolicy.Database) ?? known.State;

    private static OnboardedIntegration Skipped(IntegrationStatus known) => new(
        known.Key.ConnectedIntegrationId, OnboardedIntegration.Skipped, known.State.Name(),
        Message: known.State == IntegrationState.Active ? "It is onboarded already." : $"It is {known.State.Name()}, and was not asked for by its id.");
}
