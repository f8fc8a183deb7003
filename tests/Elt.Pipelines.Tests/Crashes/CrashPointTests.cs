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
/// Exhaustive: the process dies at every call to the journal and at every commit of warehouse and destination that a run of the pipeline brings about;
/// another one goes on. All that is left is what an undisturbed run leaves: results of all runs and steps, latest, history, changes, quarantine, holds,
/// watermark, ledgers, destination and outbox. With <c>ELT_CHAOS=full</c> once before and once after each of them, when deletes are held and approved too, and
/// all of it on Postgres. Else of a first load only the commits, and the seed chooses the side of each call (what comes before a call is what the one before it
/// has left) and some points on Postgres; <c>ELT_CHAOS_SEED</c> repeats its choice.
/// </summary>
[Trait("promise", "P1")]
[Trait("promise", "P2")]
[Trait("promise", "P8")]
public sealed class CrashPointTests : IAsyncLifetime
{
    private static readonly bool IsFull = Environment.GetEnvironmentVariable("ELT_CHAOS") == "full";

    private static readonly int Seed = int.TryParse(Environment.GetEnvironmentVariable("ELT_CHAOS_SEED"), CultureInfo.InvariantCulture, out var given)
        ? given
        : (int)(TimeProvider.System.GetTimestamp() & int.MaxValue);

    private readonly List<string> _differences = [];
    private Provider _provider = null!;
    private int _crashes;

    public async Task InitializeAsync() => _provider = await Provider.StartAsync();

    public async Task DisposeAsync() => await _provider.DisposeAsync();

    [Fact]
    public Task A_run_ends_the_same_wherever_its_process_dies_on_sqlite() => ProveAsync(TryCommitsAsync, TryAllAsync, atLeast: 50);

    [Fact]
    public Task A_run_ends_the_same_wherever_its_process_dies_on_postgres() => ProveAsync(null, TrySomeAsync, atLeast: 2, inPostgres: true);

    /// <summary>Goes through the life of an integration; where a run may crash, the place before it is copied for each try.</summary>
    private async Task ProveAsync(TryPoints? firstLoad, TryPoints changes, int atLeast, bool inPostgres = false)
    {
        var place = await Place.CreateAsync(inPostgres);
        await using (var process = await MortalProcess.StartAsync(place))
            await process.Get<IIntegrationStore>().UpsertAsync(_provider.Connect(Workshop.Okta, [], pageSize: 5));

        place = await StageAsync(place, "first-load", IsFull ? TryAllAsync : firstLoad, User.Many(12));
        // u000012 goes, so that it can come back.
        place = await StageAsync(place, "one-goes", null, User.Many(11));
        User[] changed = [.. User.Many(10), new User("u000012", "User 12", "u12@example.org"), new User("new"), new User("u000004", "Twice")];
        changed[1] = changed[1] with { Name = "Other" };
        changed[2] = changed[2] with { More = "\"email\":{\"bad\":1}" };
        place = await StageAsync(place, "changes", IsFull ? TryAllAsync : changes, changed);
        if (IsFull)
            place = await StageHeldAsync(place, [.. changed[..4], .. changed[6..]]);
        place.Dispose();
        Assert.True(_differences.Count == 0, $"ELT_CHAOS_SEED={Seed}: {string.Join(Environment.NewLine, _differences)}");
        Assert.True(_crashes >= atLeast, $"ELT_CHAOS_SEED={Seed}: only {_crashes} crashes.");
    }

    private async Task<Place> StageHeldAsync(Place before, User[] fewer)
    {
        var place = await StageAsync(before, "held", TryAllAsync, fewer);
        await using (var process = await MortalProcess.StartAsync(place))
            await process.Get<DeleteReviews>().ApproveAsync(Workshop.Okta, new HoldDecision(1, "ada"));
        place = await StageAsync(place, "approved", TryAllAsync, fewer);
        Assert.Equal(2, (await place.ReadAsync()).Count(row => row.StartsWith("warehouse.users_cdc", StringComparison.Ordinal) && row.Contains("|approved|") && row.Contains("|DELETE|")));
        return place;
    }

    /// <summary>One run, undisturbed, and as often as it is tried.</summary>
    /// <returns>The place after it.</returns>
    private async Task<Place> StageAsync(Place before, string run, TryPoints? tryPoints, User[] users)
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
        await TryEachAsync(tryPoint, commits: false);
        await TryCommitsAsync(tryPoint);
    }

    private Task TryCommitsAsync(Func<CrashPoint, Task<bool>> tryPoint) => TryEachAsync(tryPoint, commits: true);

    private async Task TryEachAsync(Func<CrashPoint, Task<bool>> tryPoint, bool commits)
    {
        const int Wave = 4;
        for (var (first, hasCrashed) = (1, true); hasCrashed; first += Wave)
        {
            hasCrashed = false;
            var points = Enumerable.Range(first, Wave).SelectMany(number => Points(commits, number));
            await Parallel.ForEachAsync(points, new ParallelOptions { MaxDegreeOfParallelism = Wave }, async (point, _) =>
            {
                if (!await tryPoint(point))
                    return;
                Interlocked.Increment(ref _crashes);
                hasCrashed = true;
            });
        }
    }

    private static IEnumerable<CrashPoint> Points(bool commit, int number) => commit || IsFull
        ? [new(commit, number, After: false), new(commit, number, After: true)]
        : [new(commit, number, After: (number + Seed) % 2 == 0)];

    private async Task TrySomeAsync(Func<CrashPoint, Task<bool>> tryPoint)
    {
        var random = new Random(Seed);
        foreach (var commit in new[] { false, true })
        {
            if (await tryPoint(new CrashPoint(commit, random.Next(1, commit ? 6 : 25), random.Next(2) == 0)))
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

    /// <summary>Chooses points and tries a run with each; a try tells whether the process crashed before the run had ended.</summary>
    private delegate Task TryPoints(Func<CrashPoint, Task<bool>> tryPoint);
}
