using System.Globalization;
using Npgsql;

namespace Elt.Service.Hosting;

/// <summary>
/// Reads connection settings of Postgres: <c>postgresql://user:password@host:port/database?parameter=value</c> URLs with libpq's
/// parameter names, and Npgsql's <c>key=value;…</c> strings. No message of this class holds a part of the text that was read.
/// </summary>
internal static class PostgresConnection
{
    private const string Expected = "Expected postgresql://user:password@host:5432/database or Host=…;Port=…;Username=…;Password=…;Database=….";

    private static readonly Dictionary<string, Action<NpgsqlConnectionStringBuilder, string>> Parameters = new(StringComparer.Ordinal)
    {
        ["host"] = (c, value) => c.Host = value,
        ["port"] = (c, value) => c.Port = Port(value),
        ["user"] = (c, value) => c.Username = value,
        ["password"] = (c, value) => c.Password = value,
        ["dbname"] = (c, value) => c.Database = value,
        ["sslmode"] = (c, value) => c.SslMode = Choice<SslMode>(value),
        ["sslrootcert"] = (c, value) => c.RootCertificate = value,
        ["sslcert"] = (c, value) => c.SslCertificate = value,
        ["sslkey"] = (c, value) => c.SslKey = value,
        ["sslpassword"] = (c, value) => c.SslPassword = value,
        ["sslnegotiation"] = (c, value) => c.SslNegotiation = Choice<SslNegotiation>(value),
        ["channel_binding"] = (c, value) => c.ChannelBinding = Choice<ChannelBinding>(value),
        ["connect_timeout"] = (c, value) => c.Timeout = Number(value),
        ["application_name"] = (c, value) => c.ApplicationName = value,
        ["options"] = (c, value) => c.Options = value,
        ["passfile"] = (c, value) => c.Passfile = value,
        ["target_session_attrs"] = (c, value) => c.TargetSessionAttributes = value,
    };

    /// <param name="text">The settings.</param>
    /// <param name="name">What they are called in messages, such as <c>ELT_POSTGRES</c>.</param>
    /// <exception cref="FormatException">The settings cannot be read; the message says why, and never shows them.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string text, string name)
    {
        try
        {
            var settings = text.StartsWith("postgresql://", StringComparison.Ordinal) || text.StartsWith("postgres://", StringComparison.Ordinal)
                ? ParseUrl(text[(text.IndexOf("//", StringComparison.Ordinal) + 2)..])
                : new NpgsqlConnectionStringBuilder(text);
            return string.IsNullOrEmpty(settings.Host) ? throw new FormatException("the host is missing") : settings;
        }
        catch (FormatException e)
        {
            throw new FormatException($"{name} cannot be read: {e.Message}. {Expected}");
        }
        catch (ArgumentException)
        {
            // Npgsql's message names the keyword; after a ';' inside a password that would be a part of the password.
            throw new FormatException($"{name} cannot be read: it holds a setting or value that Npgsql does not know. {Expected}");
        }
    }

    /// <summary>Where it leads, for people: host, port, database and user.</summary>
    public static string Describe(NpgsqlConnectionStringBuilder settings) =>
        string.Create(CultureInfo.InvariantCulture, $"{settings.Host}:{settings.Port}/{settings.Database ?? settings.Username} as user '{settings.Username}'");

    private static NpgsqlConnectionStringBuilder ParseUrl(string rest)
    {
        var settings = new NpgsqlConnectionStringBuilder();
        var (main, query) = Cut(rest, rest.IndexOf('?', StringComparison.Ordinal));
        var (authority, database) = Cut(main, main.IndexOf('/', StringComparison.Ordinal));
        var at = authority.LastIndexOf('@');
        ReadUser(settings, at < 0 ? "" : authority[..at]);
        ReadHosts(settings, authority[(at + 1)..]);
        if (database.Length > 0)
            settings.Database = Decode(database);
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = Cut(parameter, parameter.IndexOf('=', StringComparison.Ordinal));
            if (!Parameters.TryGetValue(key, out var apply))
                throw new FormatException($"it holds a parameter after '?' that is not one of {string.Join(", ", Parameters.Keys)}");
            apply(settings, Decode(value));
        }
        return settings;
    }

    private static void ReadUser(NpgsqlConnectionStringBuilder settings, string text)
    {
        var (user, password) = Cut(text, text.IndexOf(':', StringComparison.Ordinal));
        if (user.Length > 0)
            settings.Username = Decode(user);
        if (password.Length > 0)
            settings.Password = Decode(password);
    }

    private static void ReadHosts(NpgsqlConnectionStringBuilder settings, string text)
    {
        if (text.Length == 0)
            settings.Host = "localhost";
        else if (text.Contains(','))
            settings.Host = Decode(text);
        else
        {
            var (host, port) = Cut(text, text.LastIndexOf(':') is var colon && colon > text.LastIndexOf(']') ? colon : -1);
            settings.Host = Decode(host.Trim('[', ']'));
            if (port.Length > 0)
                settings.Port = Port(port);
        }
    }

    private static (string Before, string After) Cut(string text, int at) => at < 0 ? (text, "") : (text[..at], text[(at + 1)..]);

    private static string Decode(string text) => Uri.UnescapeDataString(text);

    private static int Port(string text) =>
        Number(text) is > 0 and < 65536 and var port ? port : throw new FormatException("the port is not a number from 1 to 65535");

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException("a number in it is not one");

    private static T Choice<T>(string text)
        where T : struct, Enum =>
        Enum.TryParse<T>(text.Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out var choice)
            ? choice
            : throw new FormatException($"a parameter after '?' is not one of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}");
}
