using System.CommandLine;
using System.Runtime.InteropServices;
using Elt.Service.Hosting;

namespace Elt.Service.Demo;

/// <summary><c>elt-service demo</c>: what <c>scripts/demo</c> and <c>scripts/serve --demo</c> run.</summary>
internal static class DemoCommand
{
    private const int Interrupted = 130;

    public static Command Create()
    {
        var data = new Option<string>("--data") { Description = "Data directory; made when missing. Default: data.", DefaultValueFactory = _ => "data", HelpName = "DIR" };
        var users = DemoProviderCommand.Number("--users", 1000, "Users of each integration.", 0, 10_000_000);
        var pageSize = DemoProviderCommand.Number("--page-size", 10, "Users per page.", 1, 10_000);
        var integrations = DemoProviderCommand.Number("--integrations", 2, "Connected integrations.", 1, 999);
        var batches = DemoProviderCommand.Number("--batches", 10, "Batches that an integration's pages are loaded in.", 1, 1000);
        var seed = DemoProviderCommand.Number("--seed", 1, "What the users are drawn from.", int.MinValue, int.MaxValue);
        var chaos = new Option<bool>("--chaos") { Description = "API failures 2 %, database failures 40 %, crashes of the service, which is started again: the result must be the same." };
        var keep = new Option<bool>("--keep") { Description = "Leave service and provider running." };
        var json = new Option<bool>("--json") { Description = "One line of JSON on stdout, all else on stderr." };
        var serve = new Option<bool>("--serve") { Description = "No run: service and provider in the foreground at http://localhost:8080 until Ctrl-C." };
        var command = new Command("demo", "Runs all integrations of a made-up provider once and checks the counts.")
        {
            data, users, pageSize, integrations, batches, seed, chaos, keep, json, serve,
        };
        command.SetAction((parsed, _) => RunAsync(new DemoOptions
        {
            Data = Path.GetFullPath(parsed.GetValue(data)!),
            Users = parsed.GetValue(users),
            PageSize = parsed.GetValue(pageSize),
            Integrations = parsed.GetValue(integrations),
            Batches = parsed.GetValue(batches),
            Seed = parsed.GetValue(seed),
            Chaos = parsed.GetValue(chaos),
            Keep = parsed.GetValue(keep),
            Json = parsed.GetValue(json),
            Serve = parsed.GetValue(serve),
        }));
        return command;
    }

    private static async Task<int> RunAsync(DemoOptions options)
    {
        using var interrupted = new CancellationTokenSource();
        void Interrupt(PosixSignalContext signal)
        {
            signal.Cancel = true;
            interrupted.Cancel();
        }

        using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);
        using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Interrupt);
        try
        {
            return await new DemoRun(options, TimeProvider.System).RunAsync(interrupted.Token);
        }
        catch (Exception) when (interrupted.IsCancellationRequested)
        {
            // Ctrl-C reaches service and provider as well: what they were asked meanwhile may have failed in any way.
            Console.Error.WriteLine(options.Serve ? "Stopped." : "Stopped. What was begun goes on when a service starts on this data directory again.");
            return options.Serve ? 0 : Interrupted;
        }
    }
}
