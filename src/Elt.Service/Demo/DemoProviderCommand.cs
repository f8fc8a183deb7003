using System.CommandLine;
using Elt.Service.Hosting;

namespace Elt.Service.Demo;

/// <summary><c>elt-service demo-provider</c>: the demo provider as a process of its own.</summary>
internal static class DemoProviderCommand
{
    public static Command Create()
    {
        var defaults = new DemoProviderOptions();
        var users = Number("--users", defaults.Users, "Users of each integration.", 0, 10_000_000);
        var seed = Number("--seed", defaults.Seed, "What the users are drawn from; the same seed gives the same users.", int.MinValue, int.MaxValue);
        var port = Number("--port", defaults.Port, "Port on loopback; 0 takes a free one.", 0, 65535);
        var maxPageSize = Number("--max-page-size", defaults.MaxPageSize, "Larger pages are refused.", 1, 100_000);
        var rateLimit = Number("--rate-limit", defaults.RateLimit, "Page requests served per second, the others get 429; 0 is no limit.", 0, 1_000_000);
        var failRate = new Option<double>("--fail-rate") { Description = "Share of page requests answered with 500, 0 to 1." };
        failRate.Validators.Add(result =>
        {
            if (!result.Errors.Any() && result.GetValueOrDefault<double>() is < 0 or > 1)
                result.AddError("--fail-rate is a share from 0 to 1.");
        });
        var stopWithInput = new Option<bool>("--stop-with-input") { Hidden = true };
        var command = new Command("demo-provider", "Serves made-up users over HTTP, paged; its address is the first line on stdout.")
        {
            users, seed, port, maxPageSize, failRate, rateLimit, stopWithInput,
        };
        command.SetAction(async (parsed, ct) =>
        {
            await using var provider = await DemoProvider.StartAsync(
                new DemoProviderOptions
                {
                    Users = parsed.GetValue(users),
                    Seed = parsed.GetValue(seed),
                    Port = parsed.GetValue(port),
                    MaxPageSize = parsed.GetValue(maxPageSize),
                    FailRate = parsed.GetValue(failRate),
                    RateLimit = parsed.GetValue(rateLimit),
                },
                ct);
            using var input = parsed.GetValue(stopWithInput) ? InputWatch.Begin(provider.Host) : null;
            Console.Out.WriteLine(provider.Url);
            await provider.Host.WaitForShutdownAsync(ct);
            return 0;
        });
        return command;
    }

    internal static Option<int> Number(string name, int value, string description, int from, int to)
    {
        var option = new Option<int>(name) { Description = $"{description} Default: {value}.", DefaultValueFactory = _ => value, HelpName = "N" };
        option.Validators.Add(result =>
        {
            if (!result.Errors.Any() && (result.GetValueOrDefault<int>() is var number) && (number < from || number > to))
                result.AddError($"{name} is a number from {from} to {to}.");
        });
        return option;
    }
}
