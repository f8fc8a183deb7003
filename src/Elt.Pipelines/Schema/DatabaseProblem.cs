using System.Net.Sockets;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Pipelines.Schema;

/// <summary>Says in words of its user what is wrong with a database.</summary>
internal static class DatabaseProblem
{
    private const int ReadOnly = 8, CannotOpen = 14, Full = 13, NotADatabase = 26;

    /// <summary>One or two sentences: which database, why it cannot be used, what to do. Never a password.</summary>
    /// <param name="what">What the database is for.</param>
    /// <param name="path">Its file, if it is one.</param>
    /// <param name="connectionString">Its connection string, if it is Postgres.</param>
    /// <param name="error">What was thrown.</param>
    public static string Explain(string what, string? path, string? connectionString, Exception error) => connectionString is null
        ? $"The {what} file '{path}' cannot be used: {ExplainFile(error)}"
        : $"The {what} database at {Place(connectionString)} cannot be used: {ExplainServer(error)}";

    private static string ExplainFile(Exception error) => error switch
    {
        SqliteException { SqliteErrorCode: CannotOpen } => "its folder does not exist or may not be written. Create the folder or choose another one.",
        SqliteException { SqliteErrorCode: ReadOnly } or UnauthorizedAccessException =>
            "it may not be written. Give this user the right to write it and its folder.",
        SqliteException { SqliteErrorCode: NotADatabase } => "it is not a SQLite database. Move it away or choose another file.",
        SqliteException { SqliteErrorCode: Full } => "the disk is full. Make room.",
        _ => error.Message,
    };

    private static string ExplainServer(Exception error) => error switch
    {
        SchemaException e => e.Message,
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } e =>
            $"{e.MessageText}. Correct user and password of the connection string.",
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } e => $"{e.MessageText}. Create the database or correct its name.",
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e => $"{e.MessageText}. Grant the user the right to create the schema 'elt'.",
        PostgresException e => $"{e.MessageText} ({e.SqlState}).",
        NpgsqlException { InnerException: SocketException e } => $"{e.Message}. Check that the server runs and that host and port are right.",
        _ => $"{error.Message}. Check that the server runs and that host and port are right.",
    };

    private static string Place(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"{parts.Host}:{parts.Port}/{parts.Database} (user {parts.Username})";
    }
}
