using System.CommandLine.Parsing;

namespace Elt.Cli;

/// <summary>Arguments of the form <c>key=value</c>.</summary>
internal static class KeyValues
{
    /// <summary>Refuses what is not <c>key=value</c>: misspelt options would otherwise pass as arguments.</summary>
    public static void Validate(ArgumentResult arguments)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var token in arguments.Tokens)
        {
            if (token.Value.StartsWith('-'))
                arguments.AddError($"There is no option '{token.Value}'. See --help.");
            else if (token.Value.IndexOf('=', StringComparison.Ordinal) < 1)
                arguments.AddError($"'{token.Value}' is not key=value.");
            else if (!seen.Add(Split(token.Value).Key))
                arguments.AddError($"'{Split(token.Value).Key}' is given twice.");
        }
    }

    public static (string Key, string Value) Split(string text)
    {
        var at = text.IndexOf('=', StringComparison.Ordinal);
        return (text[..at], text[(at + 1)..]);
    }
}
