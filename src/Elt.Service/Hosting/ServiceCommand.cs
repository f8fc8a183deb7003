using System.CommandLine;
using Elt.Durable.Schedules;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Faults;
using Npgsql;

namespace Elt.Service.Hosting;

/// <summary>The service's command line. Each option may also be set in the environment, as ELT_ and its name: <c>ELT_LOG_LEVEL</c>.</summary>
internal sealed class ServiceCommand
{
    private readonly Option<string> _data = Option("--data", "data", "Folder of the embedded databases; made when missing.", "DIR");
    private readonly Option<string> _urls = Option("--urls", "http://localhost:8080", "Addresses to listen on, loopback only, separated by semicolons; port 0 takes a free one.", "URLS");
    private readonly Option<string> _cron = Option("--schedule-cron", "20 5 * * *", "When all integrations are run: minute hour day month weekday; none for only when asked.", "CRON");
    private readonly Option<string> _zone = Option("--schedule-zone", "UTC", "Time zone of --schedule-cron.", "ZONE");
    private readonly Option<double> _lease = Option("--lease", 15d, "How long the runs of a silent worker stay its own, in seconds; at least 1.", "SECONDS");
    private readonly Option<double> _stopGrace = Option("--stop-grace", 10d, "How long a stop waits for fetches and writes in flight, in seconds; what is not ready by then is done again.", "SECONDS");
    private readonly Option<double> _apiFailures = Option("--api-failures", 0d, "Fault on purpose: share of fetches that fail, 0 to 1.", "SHARE");
    private readonly Option<double> _databaseFailures = Option("--database-failures", 0d, "Fault on purpose: share of writes to staging that fail, 0 to 1.", "SHARE");
    private readonly Option<double> _crash = Option("--crash", 0d, "Fault on purpose: share of batches after which the process ends at once, 0 to 1.", "SHARE");
    private readonly Option<int> _crashAfter = Option("--crash-after-batch", 5, "Number of the first batch that may crash.", "N");
    private readonly Option<string?> _crashMarker = Option<string?>("--crash-once-marker", null, "Crash for certain, once: until this file exists.", "FILE");
    private readonly Option<string?> _connectors = Option<string?>("--connectors", null, "Folder of further connectors, *.json.", "DIR");
    private readonly Option<string?> _datasets = Option<string?>("--datasets", null, "Folder of declared datasets, *.json: what is kept beside users.", "DIR");
    private readonly Option<string?> _files = Option<string?>("--files", null, "Folder below which integrations may read local files, as file:///path-below-it.", "DIR");
    private readonly Option<bool> _privateSources = Option("--private-sources", false, "Allows sources at loopback, link-local and private addresses.", "");
    private readonly Option<string> _deletes = Option("--deletes", "hard", "What becomes of a row whose record is gone: hard deletes it, soft keeps it and sets deleted_at.", "MODE");
    private readonly Option<string> _history = Option("--history", "on", "on keeps users_history and users_changes at the destination, off writes rows only.", "ON|OFF");
    private readonly Option<string> _logLevel = Option("--log-level", "Information", "Least level of messages: Trace, Debug, Information, Warning, Error or None.", "LEVEL");
    private readonly Option<string> _logFormat = Option("--log-format", "text", "text or json, one line per message, on stderr.", "FORMAT");
    private readonly Option<bool> _stopWithInput = new("--stop-with-input") { Hidden = true };

    public ServiceCommand(Command command)
    {
        Check(_logFormat, format => format is "text" or "json", "is text or json");
        Check(_deletes, mode => mode is "hard" or "soft", "is hard or soft");
        Check(_history, history => history is "on" or "off", "is on or off");
        Check(_logLevel, level => Enum.TryParse<LogLevel>(level, ignoreCase: true, out _), "is Trace, Debug, Information, Warning, Error or None");
        foreach (var share in new[] { _apiFailures, _databaseFailures, _crash })
            Check(share, value => value is >= 0 and <= 1, "is a share from 0 to 1");
        Check(_lease, value => value is >= 1 and <= 3600, "is a number of seconds from 1 to 3600");
        Check(_stopGrace, value => value is >= 0 and <= 3600, "is a number of seconds from 0 to 3600");
        Check(_crashAfter, value => value >= 0, "is a number from 0");
        foreach (var option in new Option[]
        {
            _data, _urls, _cron, _zone, _lease, _stopGrace, _connectors, _datasets, _files, _privateSources, _deletes, _history, _logLevel, _logFormat,
            _apiFailures, _databaseFailures, _crash, _crashAfter, _crashMarker, _stopWithInput,
        })
        {
            command.Add(option);
        }
    }

    /// <exception cref="SettingException">A setting cannot be used; the message says which and why.</exception>
    public ServiceOptions Read(ParseResult parsed) => new()
    {
        Data = Path.GetFullPath(parsed.GetValue(_data)!),
        Urls = Reading("--urls: ", () => ListenUrl.Parse(parsed.GetValue(_urls)!)),
        Postgres = Postgres("ELT_POSTGRES"),
        Destination = Postgres("ELT_DESTINATION"),
        ScheduleCron = parsed.GetValue(_cron) is { } cron && cron != "none" ? Reading("--schedule-cron: ", () => CronSchedule.Parse(cron, "UTC").Text) : null,
        ScheduleZone = Zone(parsed.GetValue(_zone)!),
        Lease = TimeSpan.FromSeconds(parsed.GetValue(_lease)),
        StopGrace = TimeSpan.FromSeconds(parsed.GetValue(_stopGrace)),
        Connectors = parsed.GetValue(_connectors) is { } folder ? Path.GetFullPath(folder) : null,
        Datasets = parsed.GetValue(_datasets) is { } datasets ? Path.GetFullPath(datasets) : null,
        Files = parsed.GetValue(_files) is { } files ? Path.GetFullPath(files) : null,
        PrivateSources = parsed.GetValue(_privateSources),
        DestinationKeeps = new DestinationOptions
        {
            DeleteMode = parsed.GetValue(_deletes) == "soft" ? DeleteMode.Soft : DeleteMode.Hard,
            History = parsed.GetValue(_history) == "on",
        },
        Faults = new FaultOptions
        {
            ApiFailureRate = parsed.GetValue(_apiFailures),
            DatabaseFailureRate = parsed.GetValue(_databaseFailures),
            CrashRate = parsed.GetValue(_crash),
            CrashAfterBatch = parsed.GetValue(_crashAfter),
            CrashOnceMarker = parsed.GetValue(_crashMarker),
        },
        LogLevel = Enum.Parse<LogLevel>(parsed.GetValue(_logLevel)!, ignoreCase: true),
        JsonLogs = parsed.GetValue(_logFormat) == "json",
        StopWithInput = parsed.GetValue(_stopWithInput),
    };

    private static NpgsqlConnectionStringBuilder? Postgres(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? Reading("", () => PostgresConnection.Parse(text, name)) : null;

    private static string Zone(string name) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(name, out _)
            ? name
            : throw new SettingException($"--schedule-zone: there is no time zone '{name}'; expected an IANA name such as UTC or Europe/Berlin.");

    private static T Reading<T>(string prefix, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (FormatException e)
        {
            throw new SettingException(prefix + e.Message);
        }
    }

    private static Option<T> Option<T>(string name, T value, string description, string helpName) =>
        new(name) { Description = description, HelpName = helpName, DefaultValueFactory = _ => value };

    private static void Check<T>(Option<T> option, Func<T, bool> isValid, string expected) =>
        option.Validators.Add(result =>
        {
            if (!result.Errors.Any() && !isValid(result.GetValueOrDefault<T>()!))
                result.AddError($"{option.Name} {expected}.");
        });
}

/// <summary>A setting cannot be used.</summary>
internal sealed class SettingException(string message) : Exception(message);
