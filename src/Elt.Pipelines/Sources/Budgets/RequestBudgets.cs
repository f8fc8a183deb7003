using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Sources.Budgets;

/// <summary>What a provider says of its own count.</summary>
/// <param name="Remaining">Requests that it still answers.</param>
/// <param name="UntilReset">When it counts anew.</param>
internal sealed record ProviderWindow(long Remaining, TimeSpan UntilReset);

/// <summary>
/// Lets requests go as their provider allows, before it has to refuse one: by the budget of the connector, and by what the provider says of its own count.
/// What it says holds for the integration that it was said to, however its budget is shared: one tenant's endpoint cannot stop the others.
/// </summary>
internal sealed class RequestBudgets(IBudgetStore store, SourceOptions options, TimeProvider time)
{
    // A longer wait must not hold one of the places that batches have.
    private static readonly TimeSpan ShortWait = TimeSpan.FromSeconds(1);

    // No provider of ours counts over more; an answer that says so must not stop an integration for days.
    private static readonly TimeSpan LongestWindow = TimeSpan.FromHours(1);

    /// <summary>Waits until a request may be sent, if that is soon.</summary>
    /// <param name="ask">The request; <see langword="null"/> for one that knows no limits.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="BudgetSpentException">It is not soon; the request keeps its place in the line for when it comes again.</exception>
    public async Task EnterAsync(BudgetAsk? ask, CancellationToken ct)
    {
        var patience = ShortWait;
        while (ask is not null && await store.WriteAsync(ask.Scope, book => book.TakeAsync(ask, ct), ct).ConfigureAwait(false) is { } millis)
        {
            var wait = TimeSpan.FromMilliseconds(millis);
            if (wait > patience)
                throw new BudgetSpentException(wait < options.MaxDelay ? wait : options.MaxDelay);
            await Task.Delay(wait, time, ct).ConfigureAwait(false);
            patience -= wait;
        }
    }

    /// <summary>Notes what a provider has said with an answer.</summary>
    /// <param name="integration">Who had asked.</param>
    /// <param name="window">What it said; <see langword="null"/> for nothing that matters.</param>
    /// <param name="ct">Cancels.</param>
    public async Task NoteAsync(IntegrationKey integration, ProviderWindow? window, CancellationToken ct)
    {
        if (window is null)
            return;
        if (window.UntilReset > LongestWindow)
            window = window with { UntilReset = LongestWindow };
        await store.WriteAsync(
            $"window/{integration.ToName()}",
            async book =>
            {
                await book.NoteAsync(integration, window, ct).ConfigureAwait(false);
                return true;
            },
            ct).ConfigureAwait(false);
    }
}
