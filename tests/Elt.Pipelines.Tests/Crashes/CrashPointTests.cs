using System.Collections.Concurrent;
using System.Globalization;
using Elt.Durable;
using Elt.Durable.Testing;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Crashes;

/// <summary>
/// Exhaustive: the process dies at every call to the journal and at every commit of warehouse and destination that a run of the pipeline brings about, once
/// before and once after it; another one goes on. All that is left is what an undisturbed run leaves: results of all runs and steps, latest, history,
/// changes, quarantine, holds, watermark, ledgers, destination and outbox. With <c>ELT_CHAOS=full</c> deletes that are held and approved too, and all points
/// on Postgres, else a few of them; <c>ELT_CHAOS_SEED</c> repeats which.
/// </summary>
[Trait("promise", "P1")]
[Trait("promise", "P2")]
[Trait("promise", "P8")]
public sealed class CrashPointTests : IAsyncLifetime
{
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("ELT_CHAOS") == "full";

    private readonly List<string> _differences = [];
    private Provider _provider = null!;
    private int _crashes;

    public async Task InitializeAsync() => _provider = await Provider.StartAsync();

    public async Task DisposeAsync() => await _provider.DisposeAsync();

    [Fact]
    public async Task A_run_ends_the_same_wherever_its_process_dies_on_sqlite()
    {
        await ProveAsync(inPostgres: false, TryAllAsync);

        Assert.Empty(_differences);
        Assert.True(_crashes > 100, $"Only {_crashes} crashes.");
    }

    [Fact]
    public async Task A_run_ends_the_same_wherever_its_process_dies_on_postgres()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("ELT_CHAOS_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : (int)(TimeProvider.System.GetTimestamp() & int.MaxValue);
        var random = new Random(seed);

        await ProveAsync(inPostgres: true, IsFull ? TryAllAsync : trial => TrySomeAsync(trial, random));

        Assert.True(_differences.Count == 0, $"ELT_CHAOS_SEED={seed}: {string.Join(Environment.NewLine, _differences)}");
        Assert.True(_crashes > 0, $"ELT_CHAOS_SEED={seed}: nothing crashed.");
    }

    /// <summary>Goes through the life of an integration; where a run may crash, the place before it is copied for each try.</summary>
    private async Task ProveAsync(bool inPostgres, Func<Func<CrashPoint, Task<bool>>, Task> tryPoints)
    {
        var place = await Place.CreateAsync(inPostgres);
        await using (var process = await MortalProcess.StartAsync(place))
            await process.Get<IIntegrationStore>().UpsertAsync(_provider.Connect(Workshop.Okta, [], pageSize: 5));

        place = await StageAsync(place, "first-load", tryPoints, User.Many(12));
        // u000012 goes, so that it can come back.
        place = await StageAsync(place, "one-goes", null, User.Many(11));
        User[] changed = [.. User.Many(10), new User("u000012", "User 12", "u12@example.org"), new User("new"), new User("u000004", "Twice")];
        changed[1] = changed[1] with { Name = "Other" };
        changed[2] = changed[2] with { More = "\"email\":{\"bad\":1}" };
        place = await StageAsync(place, "changes", tryPoints, changed);
        User[] fewer = [.. changed[..4], .. changed[6..]];
        place = await StageAsync(place, "held", IsFull ? tryPoints : null, fewer);
        await using (var process = await MortalProcess.StartAsync(place))
            await process.Get<DeleteReviews>().ApproveAsync(Workshop.Okta, new HoldDecision(1, "ada"));
        place = await StageAsync(place, "approved", IsFull ? tryPoints : null, fewer);
        Assert.Contains(await place.ReadAsync(), row => row.Contains("approved", StringComparison.Ordinal) && row.Contains("DELETE", StringComparison.Ordinal));
        place.Dispose();
    }

    /// <summary>One run, undisturbed, and as often as it is tried.</summary>
    /// <returns>The place after it.</returns>
    private async Task<Place> StageAsync(Place before, string run, Func<Func<CrashPoint, Task<bool>>, Task>? tryPoints, User[] users)
    {
        Show(users);
        var after = await before.CopyAsync();
        var (_, expected) = await RunAsync(after, run, null);
        if (tryPoints is not null)
        {
            await tryPoints(async point =>
            {
                using var place = await before.CopyAsync();
                var (hasCrashed, actual) = await RunAsync(place, run, point);
                Compare(run, point, expected, actual);
                return hasCrashed;
            });
        }
        before.Dispose();
        return after;
    }

    private async Task TryAllAsync(Func<CrashPoint, Task<bool>> tryPoint)
    {
        const int Wave = 4;
        foreach (var commit in new[] { false, true })
        {
            for (var (first, hasCrashed) = (1, true); hasCrashed; first += Wave)
            {
                var points = Enumerable.Range(first, Wave).SelectMany(number => new CrashPoint[] { new(commit, number, false), new(commit, number, true) });
                hasCrashed = false;
                await Parallel.ForEachAsync(points, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (point, _) =>
                {
                    if (!await tryPoint(point))
                        return;
                    Interlocked.Increment(ref _crashes);
                    hasCrashed = true;
                });
            }
        }
    }

    private async Task TrySomeAsync(Func<CrashPoint, Task<bool>> tryPoint, Random random)
    {
        foreach (var commit in new[] { false, true })
        {
            if (await tryPoint(new CrashPoint(commit, random.Next(1, commit ? 8 : 30), random.Next(2) == 0)))
                _crashes++;
        }
    }

    /// <summary>Runs the pipeline, in a process that dies at a point and in another one after it.</summary>
    private static async Task<(bool HasCrashed, List<string> End)> RunAsync(Place place, string run, CrashPoint? point)
    {
        var fetched = new ConcurrentQueue<int>();
        var hasCrashed = false;
        if (point is not null)
        {
            var doomed = await MortalProcess.StartAsync(place, fetched);
            doomed.CrashAt(point);
            var ended = StartAndWaitAsync(doomed, run);
            await Task.WhenAny(doomed.Crashed, ended).WaitAsync(PipelineHost.Patience());
            hasCrashed = doomed.Crashed.IsCompleted;
            await doomed.KillAsync();
            await place.ExpireLeasesAsync();
        }
        List<string> end;
        await using (var process = await MortalProcess.StartAsync(place, fetched))
        {
            await StartAndWaitAsync(process, run);
            end = await ReadRunsAsync(process, run);
        }
        end.AddRange(await place.ReadAsync());
        end.AddRange(fetched.GroupBy(page => page).Select(page => $"page {page.Key} was asked for {(page.Count() <= 2 ? "" : "too ")}often enough"));
        end.Sort(StringComparer.Ordinal);
        return (hasCrashed, end);
    }

    private static async Task StartAndWaitAsync(MortalProcess process, string run)
    {
        try
        {
            await PipelineHost.ResultAsync(await process.Client.StartAsync(
                new EltPipeline(Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId, Batches: 2, PagesPerBatch: 1), run));
        }
        catch (Exception e) when (e is ProcessCrashedException or ObjectDisposedException && process.Crashed.IsCompleted)
        {
            // The process that this client was part of is dead.
        }
    }

    private static async Task<List<string>> ReadRunsAsync(MortalProcess process, string prefix)
    {
        var rows = new List<string>();
        foreach (var run in await process.Client.ListAsync(new RunFilter { IdPrefix = prefix }))
        {
            rows.Add($"run {run.Id}: {run.Status} {run.Input} {run.Output} {run.Error?.Message}");
            rows.AddRange((await process.Client.ListStepsAsync(run.Id)).Select(step => $"step {run.Id}/{step.Key}: {step.Kind} {step.Status} {step.Result}"));
        }
        return rows;
    }

    private void Compare(string run, CrashPoint point, List<string> expected, List<string> actual)
    {
        if (expected.SequenceEqual(actual))
            return;
        lock (_differences)
        {
            _differences.AddRange(expected.Except(actual).Select(row => $"{run}, {point}: missing {row}"));
            _differences.AddRange(actual.Except(expected).Select(row => $"{run}, {point}: found {row}"));
            _differences.Add($"{run}, {point}: {expected.Count} rows expected, {actual.Count} found");
        }
    }

    /// <summary>What the source has from now on; it declares how many different users that are.</summary>
    private void Show(User[] users)
    {
        var pages = users.Chunk(5).ToArray();
        var total = users.DistinctBy(user => user.Id).Count();
        _provider.Instead = async (context, page) =>
        {
            await Provider.WriteAsync(
                context, $$"""{"page":{{page}},"total":{{total}},"total_pages":{{pages.Length}},"users":[{{string.Join(',', pages[page - 1].Select(user => user.ToJson()))}}]}""");
            return true;
        };
    }
}
