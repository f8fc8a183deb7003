using Elt.Durable;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Extract;

[Trait("promise", "P10")]
public sealed class SourceCircuitTests : IAsyncLifetime
{
    private static readonly SourceOptions Options = new() { CircuitFailures = 3, CircuitCoolDown = TimeSpan.FromMinutes(5) };

    private readonly FrozenTime _time = new();
    private Workshop _workshop = null!;
    private SourceCircuits _circuits = null!;
    private int _asked;

    public async Task InitializeAsync()
    {
        _workshop = await Workshop.CreateAsync();
        Restart();
    }

    public Task DisposeAsync()
    {
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(SourceErrorClass.Network)]
    [InlineData(SourceErrorClass.Timeout)]
    public async Task After_three_failed_pages_in_a_row_the_integration_is_not_asked_until_the_cool_down_ends(SourceErrorClass errorClass)
    {
        await FailAsync(3, errorClass);
        var error = await RefusedAsync();

        Assert.Equal(
            "circuit_open: org-001/okta is not asked before 2026-11-21T05:25:00.000Z, since 3 pages in a row failed; then one request decides. The last failure: away",
            error.Message);
        _time.Now += TimeSpan.FromMinutes(5);
        Assert.Equal(1, await AskAsync());
        await FailAsync(2);
        Assert.Equal(1, await AskAsync());
    }

    [Fact]
    public async Task A_restart_does_not_forget_an_open_circuit_or_a_failure()
    {
        await FailAsync(2);
        Restart();
        await FailAsync(1);
        Restart();

        await RefusedAsync();
        Assert.Equal(["3|2026-11-21T05:25:00.000Z|away"], Rows());
    }

    [Fact]
    public async Task A_trial_that_fails_begins_the_cool_down_again_whatever_retries_its_page_has()
    {
        await FailAsync(3);
        _time.Now += TimeSpan.FromMinutes(6);
        Restart();

        await FailAsync(1, isGivenUp: false);

        await RefusedAsync();
        Assert.Equal(["4|2026-11-21T05:31:00.000Z|away"], Rows());
    }

    [Fact]
    public async Task One_request_is_let_through_on_trial_while_all_others_are_refused()
    {
        await FailAsync(3);
        _time.Now += TimeSpan.FromMinutes(6);
        var answer = new TaskCompletionSource<int>();
        var trial = _circuits.AskAsync(Workshop.Okta, () => answer.Task, _ => true, default);

        for (var i = 0; i < 3; i++)
            await RefusedAsync();
        answer.SetResult(7);

        Assert.Equal(7, await trial);
        Assert.Equal(1, await AskAsync());
        Assert.Empty(Rows());
    }

    [Fact]
    public async Task A_trial_that_is_stopped_decides_nothing_and_the_next_request_is_the_trial()
    {
        await FailAsync(3);
        _time.Now += TimeSpan.FromMinutes(6);

        await Assert.ThrowsAsync<OperationCanceledException>(() => AskAsync(new OperationCanceledException()));
        Assert.Single(Rows());

        Assert.Equal(1, await AskAsync());
        Assert.Empty(Rows());
    }

    [Theory]
    [InlineData(SourceErrorClass.RateLimit)]
    [InlineData(SourceErrorClass.Auth)]
    [InlineData(SourceErrorClass.Data)]
    public async Task A_source_that_answers_is_not_away(SourceErrorClass errorClass)
    {
        await FailAsync(2);
        await FailAsync(5, errorClass);
        Assert.Empty(Rows());
        await FailAsync(2);
        Assert.Equal(1, await AskAsync());
    }

    [Fact]
    public async Task A_failure_that_is_tried_again_does_not_count()
    {
        await FailAsync(10, isGivenUp: false);

        Assert.Empty(Rows());
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task Other_integrations_are_asked_as_before()
    {
        await FailAsync(3);

        Assert.Equal(1, await _circuits.AskAsync(new IntegrationKey("org-002", "okta"), () => Task.FromResult(1), _ => true, default));
        Assert.Equal(1, await _circuits.AskAsync(new IntegrationKey("org-001", "other"), () => Task.FromResult(1), _ => true, default));
    }

    [Fact]
    public void The_page_that_spends_its_last_retry_is_given_up()
    {
        var retry = new PageRetry(new SourceOptions { NetworkRetries = 2, TimeoutRetries = 1 });
        var (network, timeout) = (new SourceException(SourceErrorClass.Network, ""), new SourceException(SourceErrorClass.Timeout, ""));
        var given = new List<bool>();
        foreach (var error in new[] { network, timeout, network, timeout, network })
        {
            given.Add(retry.GivesUp(error));
            retry.Policy.NextDelay(error, 1, new Random(1));
        }

        Assert.Equal(new[] { false, false, false, true, true }, given);
    }

    [Fact]
    public async Task A_run_against_a_source_that_is_away_asks_no_more_than_before_and_the_next_ones_do_not_ask_at_all()
    {
        await using var host = await PipelineHost.StartAsync(options => options with { Source = options.Source with { NetworkRetries = 1, CircuitFailures = 1 } });
        await host.ConnectAsync(User.Many(5));
        host.Provider.Instead = (context, _) =>
        {
            context.Response.StatusCode = 503;
            return Task.FromResult(true);
        };

        await Assert.ThrowsAnyAsync<WorkflowFailedException>(() => host.RunAsync("one"));
        Assert.Equal(2, host.Provider.Requests.Count);
        await host.RestartAsync();
        var error = await Assert.ThrowsAnyAsync<WorkflowFailedException>(() => host.RunAsync("two"));

        Assert.Contains("circuit_open: org-001/okta is not asked before", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("answered 503", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, host.Provider.Requests.Count);
    }

    private void Restart() => _circuits = new SourceCircuits(_workshop.Warehouse, Options, _time);

    private Task<int> AskAsync(Exception? error = null, bool isGivenUp = true) => _circuits.AskAsync(
        Workshop.Okta,
        () =>
        {
            _asked++;
            return error is null ? Task.FromResult(1) : Task.FromException<int>(error);
        },
        _ => isGivenUp, default);

    private async Task FailAsync(int times, SourceErrorClass errorClass = SourceErrorClass.Network, bool isGivenUp = true)
    {
        for (var i = 0; i < times; i++)
            Assert.Equal(errorClass, (await Assert.ThrowsAsync<SourceException>(() => AskAsync(new SourceException(errorClass, "away"), isGivenUp))).ErrorClass);
    }

    private async Task<CircuitOpenException> RefusedAsync()
    {
        var before = _asked;
        var error = await Assert.ThrowsAsync<CircuitOpenException>(() => AskAsync());
        Assert.Equal(before, _asked);
        return error;
    }

    private string[] Rows() => _workshop.Rows("select failed_pages, open_until, last_error from source_circuits");
}
