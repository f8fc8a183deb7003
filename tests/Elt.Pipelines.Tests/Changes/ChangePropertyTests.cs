using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>What holds for any feed and any history. A failure names the smallest case found and its seed, for <c>Config.WithReplay</c>.</summary>
[Trait("promise", "P4")]
public sealed class ChangePropertyTests : IAsyncLifetime
{
    private const string NoPerson = "{}";

    private Workshop _workshop = null!;
    private ChangeDetection _changes = null!;
    private int _integrations;

    public async Task InitializeAsync()
    {
        var thresholds = new DeleteThresholds { MaxShare = 1, MaxRows = int.MaxValue };
        _workshop = await Workshop.CreateAsync(thresholds);
        _changes = new ChangeDetection(Dataset.Users, thresholds, new QualityGate { MaxQuarantinedShare = 1 }, TimeProvider.System);
    }

    public Task DisposeAsync()
    {
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    [Trait("promise", "P2")]
    [Trait("promise", "P3")]
    public void Any_split_of_a_feed_into_pages_and_any_retries_give_the_same_latest()
    {
        var item = from key in Gen.Choose(0, 5)
                   from name in Gen.Choose(0, 2)
                   from time in Gen.Choose(-2, 3)
                   from removed in Gen.Frequency((5, Gen.Constant(false)), (1, Gen.Constant(true)))
                   select new Item(key, name, time, removed);
        var reading = from feed in item.ArrayOf()
                      from cuts in Gen.Choose(0, 100).ArrayOf()
                      from order in Gen.Choose(0, 1000).ArrayOf(20)
                      select (Feed: feed, Cuts: cuts, Order: order);

        Check(reading, r => Smaller(r.Feed).Select(feed => r with { Feed = feed }).Concat(Smaller(r.Cuts).Select(cuts => r with { Cuts = cuts })), async r =>
        {
            var pages = Split(r.Feed, r.Cuts);
            var first = Enumerable.Range(0, pages.Count).OrderBy(page => r.Order[page % r.Order.Length]);
            var again = r.Order.Select(number => number % pages.Count);
            var integration = Next();
            await StageAsync(integration, "run-1", pages.ConvertAll(page => page.Select(Record).ToArray()), [.. first, .. again]);
            await DetectAsync(integration, "run-1");
            await _workshop.ApplyAsync("run-1", integration);

            Assert.Equal(Expected(r.Feed), Latest(integration));
        });
    }

    [Fact]
    [Trait("promise", "P1")]
    public void Detecting_and_applying_twice_is_detecting_and_applying_once() =>
        Check(Histories(), Smaller, async history =>
        {
            var (once, twice) = (Next(), Next());
            foreach (var (i, state) in history.Index())
            {
                await RunAsync(once, $"run-{i}", state);
                await RunAsync(twice, $"run-{i}", state, detect: 2);
                await _workshop.ApplyAsync($"run-{i}", twice);
                await DetectAsync(twice, $"run-{i}");
                Assert.Equal(Everything(once), Everything(twice));
            }
        });

    [Fact]
    [Trait("promise", "P6")]
    [Trait("promise", "P7")]
    public void After_each_run_of_any_history_latest_is_the_source_but_for_what_is_quarantined_held_or_unconfirmed() =>
        Check(Histories(), Smaller, async history =>
        {
            var integration = Next();
            var oracle = new Oracle();
            foreach (var (i, state) in history.Index())
            {
                await RunAsync(integration, $"run-{i}", state);
                oracle.Follow(state);
                Assert.Equal(oracle.Latest, Latest(integration));
                Assert.Equal(oracle.Latest, Replayed(integration));
            }
        });

    private static void Check<T>(Gen<T> cases, Func<T, IEnumerable<T>> shrink, Func<T, Task> holds) => FsCheck.Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(60).WithEndSize(12),
        Prop.ForAll(Arb.From(cases, shrink), value => Task.Run(() => holds(value)).GetAwaiter().GetResult()));

    private static IEnumerable<T[]> Smaller<T>(T[] items) => items.Select((_, i) => items.Where((_, j) => j != i).ToArray());

    /// <summary>
    /// Source states one after another. Each is a text: the paging (= is sound, ? may drift), then a letter per key: - is absent, x said to be gone,
    /// ! there and unusable, and a, b, c values, of which a and b are two spellings of one.
    /// </summary>
    private static Gen<string[]> Histories() =>
        (from paging in Gen.Elements('=', '?')
         from keys in Gen.Elements('-', '-', 'x', '!', 'a', 'b', 'c', 'c').ArrayOf(4)
         select paging + string.Concat(keys)).ArrayOf();

    private IntegrationKey Next() => new($"org-{_integrations++:00000}", "okta");

    private async Task RunAsync(IntegrationKey integration, string runId, string state, int detect = 1)
    {
        var records = state[1..].Select((letter, key) => (letter, key)).Where(entry => entry.letter != '-').Select(entry => Record(entry.key, entry.letter));
        await StageAsync(integration, runId, [[.. records]], [0], state[0] == '?' ? AbsenceProof.AfterTwoRuns : AbsenceProof.AtOnce);
        for (var i = 0; i < detect; i++)
            await DetectAsync(integration, runId);
        await _workshop.ApplyAsync(runId, integration);
    }

    private async Task StageAsync(IntegrationKey integration, string runId, List<SourceRecord[]> pages, int[] order, AbsenceProof absence = default)
    {
        await _workshop.AcquireAsync(runId, integration);
        foreach (var page in order)
            await _workshop.StageAsync(runId, new SourcePage(page + 1, pages[page], page + 1 == pages.Count, pages.Count, null) { Absence = absence }, integration);
    }

    private Task<DetectSummary> DetectAsync(IntegrationKey integration, string runId) =>
        _workshop.Warehouse.Database.WriteAsync(transaction => _changes.Detect(transaction, integration, runId), default);

    private string[] Latest(IntegrationKey integration) =>
        _workshop.Rows($"select external_id, name from users_latest where organization_id = '{integration.OrganizationId}' order by 1");

    /// <summary>Latest as the changes alone tell it.</summary>
    private string[] Replayed(IntegrationKey integration) => _workshop.Rows(
        $"""
        select external_id, name from (
          select c.*, row_number() over (partition by external_id order by run_seq desc) as age
          from users_cdc c join pipeline_runs using (organization_id, connected_integration_id, workflow_id)
          where organization_id = '{integration.OrganizationId}')
        where age = 1 and change_type <> 'DELETE' order by 1
        """);

    private string[] Everything(IntegrationKey integration)
    {
        var of = $"where organization_id = '{integration.OrganizationId}'";
        return _workshop.Rows(
            $"""
            select * from (select 'latest', external_id, name, '', '' from users_latest {of} order by 2)
            union all select * from (select workflow_id, external_id, name, change_type, resurrected from users_cdc {of} order by 1, 2)
            union all select 'missing', external_id, runs, last_seq, '' from users_missing {of}
            union all select 'tombstones', count(*), '', '', '' from users_tombstones {of}
            union all select * from (select 'runs', inserts, updates, deletes, deletes_unconfirmed from pipeline_runs {of} order by run_seq)
            """);
    }

    private static string Name(char letter) => letter switch { 'a' => "Jos\u00e9", 'b' => "Jose\u0301", _ => "C" };

    private static SourceRecord Record(int key, char letter) => letter switch
    {
        'x' => new SourceRecord($"{key}", []) { State = RecordState.Removed },
        '!' => new SourceRecord($"{key}", [null, null, null]) { Problems = [new RecordProblem("type", "name", "Bad.")], Raw = NoPerson },
        _ => new SourceRecord($"{key}", [Name(letter), null, null]),
    };

    private static SourceRecord Record(Item item) => new($"{item.Key}", item.Removed ? [] : [$"{item.Name}", null, null])
    {
        State = item.Removed ? RecordState.Removed : RecordState.Present,
        UpdatedAt = item.Time < 0 ? null : DateTimeOffset.UnixEpoch.AddTicks(item.Time),
    };

    private static string[] Expected(Item[] feed) => [.. feed
        .GroupBy(item => item.Key)
        .Select(items => items.All(item => item.Time >= 0) ? items.OrderBy(item => item.Time).Last() : items.Last())
        .Where(item => !item.Removed)
        .OrderBy(item => item.Key)
        .Select(item => $"{item.Key}|{item.Name}")];

    // Two pages with the same keys are a source that does not page on, which is refused: such a cut is left out.
    private static List<Item[]> Split(Item[] feed, int[] cuts)
    {
        var pages = new List<Item[]>();
        var known = new HashSet<string>();
        var begin = 0;
        foreach (var end in cuts.Select(cut => cut % (feed.Length + 1)).Order().Append(feed.Length))
        {
            var page = feed[begin..end];
            if (page.Length > 0 && !known.Add(string.Join(' ', page.Select(item => item.Key))))
                continue;
            pages.Add(page);
            begin = end;
        }
        return begin == feed.Length ? pages : [feed];
    }

    /// <summary>A record of a feed; a time below 0 is none.</summary>
    private sealed record Item(int Key, int Name, int Time, bool Removed);

    /// <summary>What latest must be, by the rules in words: simple, in memory, one key after another.</summary>
    private sealed class Oracle
    {
        private readonly SortedDictionary<int, char> _latest = [];
        private readonly Dictionary<int, int> _misses = [];

        public string[] Latest => [.. _latest.Select(entry => $"{entry.Key}|{Name(entry.Value)}")];

        public void Follow(string state)
        {
            var (drifts, letters) = (state[0] == '?', state[1..]);
            // A source that has nothing at all is not believed.
            var held = letters.All(letter => letter is '-' or 'x');
            for (var key = 0; key < letters.Length; key++)
            {
                var (letter, known) = (letters[key], _latest.TryGetValue(key, out var before));
                if (letter != '-' || !known)
                    _misses.Remove(key);
                else if (drifts || held)
                    _misses[key] = _misses.GetValueOrDefault(key) + 1;
                var gone = letter == 'x' || (letter == '-' && (!drifts || _misses.GetValueOrDefault(key) > 1));
                if (letter is 'a' or 'b' or 'c' && !(known && letter != 'c' && before != 'c'))
                    _latest[key] = letter;
                else if (gone && !held)
                    _latest.Remove(key);
            }
        }
    }
}
