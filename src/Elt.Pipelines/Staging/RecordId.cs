using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Staging;

/// <summary>Derives the stable id of a record from organization, integration and external id: the same key, the same id, for ever.</summary>
internal sealed class RecordId(IntegrationKey integration)
{
    private readonly byte[] _prefix = [.. Prefixed(integration.OrganizationId), .. Prefixed(integration.ConnectedIntegrationId)];

    /// <summary>A version 8 UUID (RFC 9562: content of one's own) in its text form.</summary>
    public string Of(string externalId)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData([.. _prefix, .. Prefixed(externalId)], hash);
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true).ToString();
    }

    // The length in front keeps ("ab", "c") and ("a", "bc") apart.
    private static byte[] Prefixed(string part)
    {
        var bytes = new byte[4 + Encoding.UTF8.GetByteCount(part)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length - 4);
        Encoding.UTF8.GetBytes(part, bytes.AsSpan(4));
        return bytes;
    }
}
