using Elt.Benchmarks.Scale;
using Elt.Service.Api;
using Elt.Testing;

namespace Elt.Benchmarks.Pipeline;

/// <summary>What one run of the pipeline gave.</summary>
/// <param name="Run">Which.</param>
/// <param name="Users">Users of the source.</param>
/// <param name="Seconds">From start to end.</param>
/// <param name="RowsPerS">Users read per second.</param>
/// <param name="ExtractS">Seconds of fetching and staging.</param>
/// <param name="DetectS">Seconds of change detection.</param>
/// <param name="ApplyS">Seconds of applying the changes to the latest state.</param>
/// <param name="SyncS">Seconds of the sync into the destination.</param>
/// <param name="PeakMemoryMb">Most memory that the service ever held so far, in megabytes.</param>
/// <param name="BareRowsPerS">Rows per second of the yardstick: the same rows, COPY and one INSERT … ON CONFLICT, nothing else.</param>
/// <param name="Ratio">Rows per second as a share of the yardstick's.</param>
internal sealed record PipelineFigures(
    string Run, int Users, double Seconds, double RowsPerS, double ExtractS, double DetectS, double ApplyS, double SyncS, double PeakMemoryMb, double BareRowsPerS, double Ratio);

/// <summary>
/// One integration over loopback HTTP into Postgres with fsync on: loaded first, again without a change, again with one user in a hundred changed. The service has
/// loaded as many users of another organization before, since it runs for weeks: its code is compiled, and the server has files of its log to use again.
/// </summary>
internal sealed class PipelineBench(Reporter reporter)
{
    private const string Earlier = "org-000";
    private const string Organization = "org-001";
    private const string Integration = "bench";

    public async Task RunAsync(int users, int pageSize, CancellationToken ct)
    {
        await using var server = await PostgresServer.StartAsync(fsync: true);
        var (journal, destination) = (await server.NewDatabaseAsync(), await server.NewDatabaseAsync());
        await using var source = await PagedUsers.StartAsync(users, pageSize, ct);
        using var data = new TempFolder();
        await using var service = await ServiceUnderTest.StartAsync(data.Path, journal, destination, ct);
        foreach (var organization in new[] { Earlier, Organization })
            await service.ConnectAsync(organization, Integration, source.Endpoint, pageSize, ct);
        await BareLoad.MeasureAsync(destination, source.Users, ct);
        await service.RunAsync("elt-pipeline", "warm-up", Input(Earlier, users, pageSize), ct);
        var before = await BareLoad.MeasureAsync(destination, source.Users, ct);
        foreach (var run in new[] { "first load", "unchanged", "1 % changed" })
        {
            if (run == "1 % changed")
                source.ChangeEvery(100);
            var runs = await service.RunAsync("elt-pipeline", run, Input(Organization, users, pageSize), ct);
            // What another minute of a shared machine is like says little: the yardstick right before and right after it counts.
            var after = await BareLoad.MeasureAsync(destination, source.Users, ct);
            Print(run, users, 2 * users / (before + after).TotalSeconds, runs, service.PeakMegabytes);
            before = after;
        }
    }

    private static object Input(string organization, int users, int pageSize)
    {
        const int Batches = 4;
        var pages = (users + pageSize - 1) / pageSize;
        return new { OrganizationId = organization, ConnectedIntegrationId = Integration, Batches, PagesPerBatch = (pages + Batches - 1) / Batches };
    }

    private void Print(string name, int users, double bare, IReadOnlyList<RunView> runs, double peak)
    {
        var seconds = Seconds("elt-pipeline");
        var figures = new PipelineFigures(
            name, users, seconds, Math.Round(users / seconds), Seconds("extract-and-load"), Seconds("detect-changes"), Seconds("apply-to-latest"), Seconds("sync-onward"),
            Math.Round(peak), Math.Round(bare), Math.Round(users / seconds / bare, 3));
        reporter.Print(figures, $"{figures.Run,-12} {users,9:N0} users {seconds,7:N2} s = {figures.RowsPerS,8:N0} rows/s  (extract {figures.ExtractS:N2}, detect {figures.DetectS:N2}, "
            + $"apply {figures.ApplyS:N2}, sync {figures.SyncS:N2})  peak {figures.PeakMemoryMb:N0} MB  bare {figures.BareRowsPerS:N0} rows/s  ratio {figures.Ratio:N3}");

        double Seconds(string workflow) => Math.Round(runs.Where(run => run.Workflow == workflow).Sum(run => (run.CompletedAt!.Value - run.CreatedAt).TotalSeconds), 3);
    }
}
